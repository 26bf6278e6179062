# Registers, then answers every call: it says what a file of µ-law octets holds, and keeps what it hears in another.
# Says on stdout what happens, one line each: REGISTERED seconds, INVITE user held|open, ANSWERED, BYE.
# Arguments: address:port of its own, the server's, domain, user, password, file to say, file to fill
use strict;
use warnings;
use Net::SIP;
$| = 1;
my ($own, $server, $domain, $user, $password, $says, $hears) = @ARGV;

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

$ua->listen(
  init_media => $ua->rtp('media_send_recv', $says, -1, $hears),
  cb_invite => sub {
    my ($call, $request) = @_;
    my ($caller) = $request->get_header('from') =~ /sip:([^\@]*)\@/;
    my $address = ($request->sdp_body->get_media)[0]{addr};
    print "INVITE $caller ", ($address eq '0.0.0.0' ? 'held' : 'open'), "\n";
    return;
  },
  cb_established => sub { print "ANSWERED\n" },
  recv_bye => sub { print "BYE\n" },
);
$ua->loop;
