# Registers, calls somebody, says what a file of µ-law octets holds, keeps what it hears in another; then holds the call by a
# re-INVITE (0.0.0.0, as RFC 3264 §8.4 tells of RFC 2543), takes it back by a second one with another port, and hangs up.
# Says on stdout, one line each: REGISTERED seconds, then for each INVITE its name and OK or FAIL and the code, then BYE and its code.
# Arguments: address:port of its own, the server's, domain, user, password, whom to call, file to say, file to fill, seconds of each phase
use strict;
use warnings;
use Net::SIP;
$| = 1;
my ($own, $server, $domain, $user, $password, $callee, $says, $hears, $seconds) = @ARGV;

my $ua = Net::SIP::Simple->new(
  legs => $own,
  outgoing_proxy => $server,
  registrar => $server,
  domain => $domain,
  from => "<sip:$user\@$domain>",
  contact => "sip:$user\@$own",
  auth => [$user, $password],
);
my $expires = $ua->register(expires => 600);
print defined $expires ? "REGISTERED $expires\n" : "REFUSED " . $ua->error . "\n";
exit 1 unless defined $expires;

my $media = $ua->rtp('media_send_recv', $says, -1, $hears);
my ($done, $status, $code);
my $final = sub {
  my ($outcome, $call, %info) = @_;
  ($done, $status) = (1, $outcome);
  $code = $info{code} // ($info{packet} ? $info{packet}->code : 0);
};
my $say = sub {
  my ($name) = @_;
  $ua->loop(10, \$done);
  print "$name ", $done ? "$status $code" : 'no answer', "\n";
  exit 1 unless $done && $status eq 'OK';
  undef $done;
};

my $call = $ua->invite("sip:$callee\@$domain", init_media => $media, cb_final => $final)
  or do { print 'CALL ', $ua->error, "\n"; exit 1 };
$say->('CALL');
$ua->loop($seconds);
$call->reinvite(call_on_hold => 1, cb_final => $final);
$say->('HOLD');
# Silent while it holds. A packet of the old stream that came right behind the ACK for RESUME would be the first of the new one
# to the callee, and Net::SIP drops what has a lower sequence number than that.
$call->rtp_cleanup;
$ua->loop($seconds);
# Without clear_sdp it would offer what it offered last, held.
$call->reinvite(clear_sdp => 1, cb_final => $final);
$say->('RESUME');
$ua->loop($seconds);
my ($ended, $answer);
$call->bye(cb_final => sub { $ended = 1; $answer = $_[0] });
$ua->loop(5, \$ended);
print 'BYE ', $ended ? 'answered' : 'no answer', "\n";
