# A mailbox with messages: takes each SUBSCRIBE to message-summary, and tells at once that two are new; answers OPTIONS.
# Says on stdout, one line each: the method of each request, of a SUBSCRIBE with its Expires, and each NOTIFY's code.
# Arguments: address:port of its own
use strict;
use warnings;
use Net::SIP;
use Net::SIP::Endpoint;
use Net::SIP::Dispatcher;
use Net::SIP::Dispatcher::Eventloop;
$| = 1;
my ($own) = @ARGV;
my ($host, $port) = split /:/, $own;
my $loop = Net::SIP::Dispatcher::Eventloop->new;
my $leg = Net::SIP::Leg->new(addr => $host, port => $port, proto => 'udp');
my $ua = Net::SIP::Endpoint->new(Net::SIP::Dispatcher->new([$leg], $loop));
my $over;

sub asked {
  my ($endpoint, $ctx, $request, $leg, $from) = @_;
  my $expires = $request->get_header('expires');
  print $request->method, defined $expires ? " $expires" : '', "\n";
  return $endpoint->new_response($ctx, $request->create_response(200, 'OK', { allow => 'SUBSCRIBE' }), $leg, $from)
    if $request->method eq 'OPTIONS';
  return unless $request->method eq 'SUBSCRIBE';
  my $me = "sip:$own";
  $endpoint->new_response($ctx, $request->create_response(200, 'OK', { contact => $me, expires => $expires }), $leg, $from);
  # Its second NOTIFY in a context that the other side began would have the number and the branch of the first.
  return unless $expires;
  $endpoint->new_request('NOTIFY', $ctx, sub {
    my ($endpoint, $ctx, $error, $code, $packet, $leg, $from) = @_;
    return asked($endpoint, $ctx, $packet, $leg, $from) if defined $packet && $packet->is_request;
    print "NOTIFIED $code\n" if defined $code;
  }, "Messages-Waiting: yes\r\nVoice-Message: 2/8\r\n",
    contact => $me, event => 'message-summary', 'content-type' => 'application/simple-message-summary',
    'subscription-state' => "active;expires=$expires");
}
$ua->set_application(\&asked);
print "READY\n";
$loop->loop(60, \$over);
