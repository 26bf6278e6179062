# Calls somebody and does what its REFER asks for: a call to the Refer-To, in the place of the one that its Replaces names.
# Says on stdout, one line each: CALLED code, REFERRED, REPLACED code, then BYE.
# Arguments: address:port of its own, address and port of its RTP, whom to call, as a URI
use strict;
use warnings;
use Net::SIP;
use Net::SIP::Endpoint;
use Net::SIP::Dispatcher;
use Net::SIP::Dispatcher::Eventloop;
use Net::SIP::SDP;
$| = 1;
my ($own, $host, $rtp, $callee) = @ARGV;
my $loop = Net::SIP::Dispatcher::Eventloop->new;
my $leg = Net::SIP::Leg->new(addr => (split /:/, $own)[0], port => (split /:/, $own)[1], proto => 'udp');
my $ua = Net::SIP::Endpoint->new(Net::SIP::Dispatcher->new([$leg], $loop));
my ($me, $over) = ("sip:transferee\@$own");

sub sdp {
  return Net::SIP::SDP->new({ addr => $host }, { media => 'audio', proto => 'RTP/AVP', port => $rtp, range => 2, fmt => [0], a => ['rtpmap:0 PCMU/8000'] });
}

# Both calls are answered with a 200 that wants its ACK.
sub answered {
  my ($name, $then) = @_;
  return sub {
    my ($endpoint, $ctx, $error, $code, $packet, $leg, $from) = @_;
    return asked($endpoint, $ctx, $packet, $leg, $from) if defined $packet && $packet->is_request;
    return unless defined $packet && $code >= 200;
    print "$name $code\n";
    $then->() if $then;
  };
}

sub message { my ($line, $state) = @_; return (event => 'refer', 'subscription-state' => $state, 'content-type' => 'message/sipfrag') }

sub asked {
  my ($endpoint, $ctx, $request, $leg, $from) = @_;
  if ($request->method eq 'REFER') {
    print "REFERRED\n";
    $endpoint->new_response($ctx, $request->create_response(202, 'Accepted', { contact => $me }), $leg, $from);
    my ($uri, $replaces) = $request->get_header('refer-to') =~ /<([^?>]*)\?Replaces=([^>&]*)>/ or die 'no Replaces';
    $replaces =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
    my $tell = sub {
      $endpoint->new_request('NOTIFY', $ctx, answered('NOTIFIED'), "SIP/2.0 200 OK\r\n", message('', 'terminated;reason=noresource'));
    };
    $endpoint->invite({ from => $me, to => $uri, contact => $me }, answered('REPLACED', $tell), sdp(), replaces => $replaces, require => 'replaces');
  } elsif ($request->method eq 'BYE') {
    print "BYE\n";
  }
}
$ua->set_application(\&asked);
$ua->invite({ from => $me, to => $callee, contact => $me }, answered('CALLED'), sdp());
$loop->loop(20, \$over);
