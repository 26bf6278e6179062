# A registrar that asks for passwords, and answers MESSAGEs of those who know theirs.
# Says on stdout, one line each: READY, and REGISTER user or UNREGISTER user.
# Arguments: address:port of its own, domain, user, password
use strict;
use warnings;
use Net::SIP;
$| = 1;
my ($own, $domain, $user, $password) = @ARGV;

my $ua = Net::SIP::Simple->new(leg => $own, domain => $domain);
my $auth = $ua->create_auth(
  user2pass => { $user => $password },
  realm => $domain,
  filter => { REGISTER => [['ToIsFrom', 'FromIsRealm', 'FromIsAuthUser']] },
);
my $registrar = $ua->create_registrar(domain => $domain);

package Teller;
sub new { my ($class, $next) = @_; return bless { next => $next }, $class }
sub receive {
  my ($self, $packet, @rest) = @_;
  if ($packet->is_request && $packet->method eq 'REGISTER') {
    my ($name) = $packet->get_header('to') =~ /sip:([^\@]*)\@/;
    my ($expires) = $packet->get_header('expires');
    print +($expires ? 'REGISTER' : 'UNREGISTER'), " $name\n";
  }
  return $self->{next}->receive($packet, @rest);
}

package main;
$ua->create_chain([$auth, Teller->new($registrar)]);
print "READY\n";
$ua->loop;
