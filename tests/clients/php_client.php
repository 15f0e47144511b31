<?php
// PHP's mysqli and PDO over mysqlnd, PHP's own implementation of the protocol. PDO writes values into statements.

declare(strict_types=1);

const ENDLESS = 'SELECT COUNT(*) FROM lake.numbers a, lake.numbers b, lake.numbers c, lake.numbers d WHERE a.n + b.n + c.n + d.n < 0';
const LARGE = "SELECT REPEAT('x', 1000) FROM lake.numbers a, lake.numbers b WHERE b.n < 100";
const LARGE_ROWS = 100_000;

[, $port, $certificate] = $argv;
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);

// mysqli tells no state of a failed login.
fails(fn() => connect(false, 'wrong'), 1045, 'HY000');
$connection = connect(false);
check(cipher($connection) === '', 'no cipher');
tell('password');
// Without a certificate, others can look into the whole conversation.
$encrypts = $certificate !== '-';
if ($encrypts) {
    fails(fn() => connect(true, 'wrong'), 1045, 'HY000');
    $connection = connect(true);
    check(preg_match('/^(TLS_|ECDHE-)/', cipher($connection)) === 1, 'a cipher');
    tell('tls');
}

$rows = $connection->query('SELECT * FROM lake.types ORDER BY id')->fetch_all(MYSQLI_ASSOC);
check_types($rows, 'text');
// All digits of a number, where it becomes a text.
ini_set('precision', '17');
$settings = [PDO::ATTR_EMULATE_PREPARES => true] + ($encrypts ? [PDO::MYSQL_ATTR_SSL_CA => $certificate] : []);
$pdo = new PDO("mysql:host=127.0.0.1;port=$port", 'ann', 'correct horse', $settings);
$rows = $pdo->query('SELECT * FROM lake.types ORDER BY id')->fetchAll(PDO::FETCH_ASSOC);
check_types($rows, 'PDO');
tell('text');
check_parameters($rows, function (string $statement, array $values) use ($pdo): array {
    $statement = $pdo->prepare($statement);
    $statement->execute($values);
    return $statement->fetch(PDO::FETCH_ASSOC);
});
tell('text parameters');
$statement = $connection->prepare('SELECT * FROM lake.types WHERE id > ? ORDER BY id');
$statement->execute([0]);
$rows = $statement->get_result()->fetch_all(MYSQLI_ASSOC);
check_types($rows, 'prepared');
tell('prepared');
check_parameters($rows, function (string $statement, array $values) use ($connection): array {
    $statement = $connection->prepare($statement);
    $types = implode('', array_map(fn($value) => is_int($value) ? 'i' : (is_float($value) ? 'd' : 's'), $values));
    $statement->bind_param($types, ...$values);
    $statement->execute();
    return $statement->get_result()->fetch_assoc();
});
tell('prepared parameters');

fails(fn() => $connection->query('SELECT * FROM lake.missing'), 1146, '42S02');
fails(fn() => $connection->query('SELEC 1'), 1064, '42000');
tell('error');

tell("kill {$connection->thread_id}");
fails(fn() => $connection->query(ENDLESS), 1317, '70100');
check($connection->query('SELECT 1')->fetch_row() == [1], 'the connection goes on');
tell('cancelled');

tell('streams');
$count = 0;
foreach ($connection->query(LARGE, MYSQLI_USE_RESULT) as $row) {
    check(strlen(current($row)) === 1000, 'a row');
    $count++;
}
check($count === LARGE_ROWS, "$count rows");
tell('streamed');

check($connection->change_user('ann', 'correct horse', 'other'), 'another login');
check($connection->query('SELECT COUNT(*) FROM numbers')->fetch_row() == [3], 'another database');
$connection->multi_query('SELECT 1; SELECT 2');
$answers = [];
do {
    $answers[] = $connection->store_result()->fetch_row()[0];
} while ($connection->next_result());
check($answers == [1, 2], 'several results');

// The test answers every line, so that it can look at the process at that moment.
function tell(string $event): void
{
    echo "$event\n";
    fgets(STDIN);
}

function connect(bool $encrypted, string $password = 'correct horse'): mysqli
{
    global $port, $certificate;
    $connection = mysqli_init();
    $flags = 0;
    if ($encrypted) {
        $connection->ssl_set(null, null, $certificate, null, null);
        $flags = MYSQLI_CLIENT_SSL;
    }
    $connection->real_connect('127.0.0.1', 'ann', $password, null, (int) $port, null, $flags);
    return $connection;
}

function cipher(mysqli $connection): string
{
    return $connection->query("SHOW STATUS LIKE 'Ssl_cipher'")->fetch_row()[1];
}

function check(bool $holds, string $what): void
{
    if (!$holds) {
        fwrite(STDERR, "$what is due\n");
        exit(1);
    }
}

function fails(callable $action, int $number, string $state): void
{
    try {
        $action();
    } catch (mysqli_sql_exception $error) {
        check([$error->getCode(), $error->getSqlState()] === [$number, $state], "$number and not {$error->getMessage()}");
        return;
    }
    check(false, "error $number");
}

function expected(): array
{
    $lines = preg_grep('/^\d/', file(__DIR__ . '/expected.tsv', FILE_IGNORE_NEW_LINES));
    return array_map(fn($line) => explode("\t", $line), $lines);
}

function check_types(array $rows, string $way): void
{
    check(count($rows) === 4, 'four rows');
    foreach (expected() as [$row, $column, $kind, $text]) {
        $value = $rows[$row - 1][$column];
        check(same($kind, $text, $value), "$way: $column $kind $text instead of " . var_export($value, true));
    }
}

// Texts give all values as text; prepared statements give integers and floats as such, as far as PHP has them.
function same(string $kind, string $text, mixed $value): bool
{
    return match ($kind) {
        'null' => $value === null,
        'integer' => (string) $value === $text,
        'float' => abs($value - $text) <= 1e-5 * abs((float) $value),
        'double' => (float) $value === (float) $text,
        'datetime', 'time' => (str_contains($value, '.') ? rtrim(rtrim($value, '0'), '.') : $value) === $text,
        'bytes' => bin2hex($value) === $text,
        default => $value === $text,
    };
}

// Sends back what was read; the server must take each value for the one that it sent. A FLOAT is never what its text says.
function check_parameters(array $rows, callable $run): void
{
    $columns = array_diff(array_keys($rows[0]), ['id', 'f32']);
    $tests = implode(', ', array_map(fn($column) => "$column <=> ? AS $column", $columns));
    foreach ($rows as $row) {
        $values = array_map(fn($column) => $row[$column], [...array_values($columns), 'id']);
        $answer = $run("SELECT $tests FROM lake.types WHERE id = ?", $values);
        $wrong = array_keys(array_filter($answer, fn($taken) => $taken != 1));
        check($wrong === [], 'the same value, not another one, in ' . implode(', ', $wrong));
    }
}
