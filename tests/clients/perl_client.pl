# Perl's DBI with DBD::mysql or DBD::MariaDB over MariaDB's client library in C, which differ in the prefix of their settings.

use v5.36;
use utf8;
use DBI;
use FindBin;

use constant ENDLESS => 'SELECT COUNT(*) FROM lake.numbers a, lake.numbers b, lake.numbers c, lake.numbers d WHERE a.n + b.n + c.n + d.n < 0';
use constant LARGE => "SELECT REPEAT('x', 1000) FROM lake.numbers a, lake.numbers b WHERE b.n < 100";
use constant LARGE_ROWS => 100_000;

my ($port, $certificate, $driver) = @ARGV;
my $prefix = lc $driver;
$| = 1;
binmode STDERR, ':utf8';

my @expected = do {
    open my $file, '<:encoding(UTF-8)', "$FindBin::Bin/expected.tsv" or die "expected.tsv: $!";
    map { chomp; [split /\t/, $_, -1] } grep { /^\d/ } <$file>;
};

fails(sub { connected(0, 'wrong') }, 1045, '28000');
my $connection = connected(0);
cipher() eq '' or die 'no cipher is due';
tell_test('password');
# Without a certificate, others can look into the whole conversation.
if ($certificate ne '-') {
    fails(sub { connected(1, 'wrong') }, 1045, '28000');
    $connection->disconnect;
    $connection = connected(1);
    cipher() =~ /^(TLS_|ECDHE-)/ or die 'a cipher is due';
    tell_test('tls');
}

for my $way ('text', 'prepared') {
    $connection->{"${prefix}_server_prepare"} = $way eq 'prepared';
    my $rows = $connection->selectall_arrayref('SELECT * FROM lake.types WHERE id > ? ORDER BY id', { Slice => {} }, 0);
    check_types($rows, $way);
    tell_test($way);
    check_parameters($rows, $way);
    tell_test("$way parameters");
}
$connection->{"${prefix}_server_prepare"} = 0;

fails(sub { $connection->do('SELECT * FROM lake.missing') }, 1146, '42S02');
fails(sub { $connection->do('SELEC 1') }, 1064, '42000');
tell_test('error');

tell_test('kill ' . $connection->selectrow_array('SELECT CONNECTION_ID()'));
fails(sub { $connection->selectrow_array(ENDLESS) }, 1317, '70100');
$connection->selectrow_array('SELECT 1') == 1 or die 'the connection does not go on';
tell_test('cancelled');

# DBD::MariaDB finds no rows in results that it does not store, of any server.
if ($driver eq 'mysql') {
    tell_test('streams');
    my $statement = $connection->prepare(LARGE, { mysql_use_result => 1 });
    $statement->execute;
    my $count = 0;
    while (my ($text) = $statement->fetchrow_array) {
        length $text == 1000 or die 'a wrong row';
        $count++;
    }
    $count == LARGE_ROWS or die "$count rows";
    tell_test('streamed');
}

# The test answers every line, so that it can look at the process at that moment.
sub tell_test ($event) {
    say $event;
    readline STDIN;
}

sub connected ($encrypted, $password = 'correct horse') {
    # Debian's DBD::mysql refuses to insist on TLS; that there is a cipher is checked here.
    my $insist = $prefix eq 'mysql' ? 'mysql_ssl_optional=1;mysql_ssl' : "${prefix}_ssl";
    my $tls = $encrypted ? ";$insist=1;${prefix}_ssl_ca_file=$certificate;${prefix}_ssl_verify_server_cert=1" : '';
    my %settings = (RaiseError => 1, PrintError => 0, $prefix eq 'mysql' ? (mysql_enable_utf8mb4 => 1) : ());
    return DBI->connect("DBI:$driver:host=127.0.0.1;port=$port$tls", 'ann', $password, \%settings);
}

sub cipher { ($connection->selectrow_array(q{SHOW STATUS LIKE 'Ssl_cipher'}))[1] }

sub fails ($action, $number, $state) {
    eval { $action->(); 1 } and die "error $number is due";
    my $error = $@;
    ($DBI::err == $number && $DBI::state eq $state) or die "$number $state and not $DBI::err $DBI::state: $error";
}

sub check_types ($rows, $way) {
    @$rows == 4 or die 'four rows are due';
    for (@expected) {
        my ($row, $column, $kind, $text) = @$_;
        my $value = $rows->[$row - 1]{$column};
        same($kind, $text, $value) or die "$way: $column is ", $value // 'NULL', " and not $kind $text";
    }
}

# Perl's values are texts and numbers at once.
sub same ($kind, $text, $value) {
    return !defined $value if $kind eq 'null';
    return abs($value - $text) <= 1e-5 * abs($value) if $kind eq 'float';
    return $value == $text if $kind eq 'double';
    return unpack('H*', $value) eq $text if $kind eq 'bytes';
    $value =~ s/\.?0+$// if $kind =~ /time/ && $value =~ /\./;
    return $value eq $text;
}

# Sends back what was read; the server must take each value for the one that it sent. A FLOAT is never what its text says.
sub check_parameters ($rows, $way) {
    my %kinds = map { $_->[1] => $_->[2] } reverse @expected[0 .. @expected / 4 - 1];
    my @columns = grep { !/^(id|f32)$/ } sort keys %kinds;
    my $tests = join ', ', map { "$_ <=> ? AS $_" } @columns;
    my $statement = $connection->prepare("SELECT $tests FROM lake.types WHERE id = ?");
    for my $row (@$rows) {
        my $number = 0;
        for my $column (@columns, 'id') {
            my $binary = ($kinds{$column} // '') eq 'bytes';
            $statement->bind_param(++$number, $row->{$column}, $binary ? DBI::SQL_BLOB() : ());
        }
        $statement->execute;
        my $answer = $statement->fetchrow_hashref;
        my @wrong = grep { ($answer->{$_} // 0) != 1 } @columns;
        $statement->finish;
        @wrong and die "$way: taken for something else: @wrong";
    }
}
