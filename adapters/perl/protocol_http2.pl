# Adapter: Protocol::HTTP2 (Debian: libprotocol-http2-perl).
use strict;
use warnings;
use IO::Handle;
use JSON::PP;

BEGIN {
    eval {
        require Protocol::HTTP2::Connection;
        Protocol::HTTP2::HeaderCompression->import(qw(headers_decode headers_encode));
        Protocol::HTTP2::Constants->import(qw(:errors :settings :endpoints));
        1;
    } or do { print STDERR "apt-get install libprotocol-http2-perl\n"; exit 77 };
}

if ( @ARGV && $ARGV[0] eq '--version' ) {
    print "perl Protocol::HTTP2 $Protocol::HTTP2::VERSION\n";
    exit;
}

# The module writes its messages to standard output.
open my $answers, '>&', \*STDOUT or die $!;
open STDOUT, '>', '/dev/null' or die $!;
$answers->autoflush(1);
my $json       = JSON::PP->new->canonical;
my $connection = start();

sub start { Protocol::HTTP2::Connection->new( CLIENT, on_error => sub { } ) }

sub decode {
    my $request = shift;
    my $context = $connection->decode_context;
    $context->{settings}{&SETTINGS_HEADER_TABLE_SIZE} = $_ for @{ $request->{header_table_sizes} || [] };
    $context->{emitted_headers} = [];
    my $block = pack 'H*', $request->{wire};
    return { error => 'headers_decode: undef' }
      unless defined headers_decode( $connection, \$block, 0, length $block, 1 );
    my @found = @{ $context->{emitted_headers} };
    my @fields;
    push @fields, [ map { unpack 'H*', $_ } splice @found, 0, 2 ] while @found;
    return { fields => \@fields };
}

sub encode {
    my $request = shift;
    return { skip => 'no sensitive fields' } if @{ $request->{sensitive} || [] };
    my $context = $connection->encode_context;
    $context->{settings}{&SETTINGS_HEADER_TABLE_SIZE} = $_ for @{ $request->{header_table_sizes} || [] };
    my @headers = map { map { pack 'H*', $_ } @$_ } @{ $request->{fields} };
    return { wire => unpack 'H*', headers_encode( $context, \@headers ) };
}

while ( my $line = <STDIN> ) {
    my $request = $json->decode($line);
    if ( $request->{reset} ) { $connection = start(); next }
    my $answer = eval { exists $request->{wire} ? decode($request) : encode($request) };
    $answer //= { crash => "$@" };
    print {$answers} $json->encode($answer), "\n";
}
