// MariaDB's Connector/J, of the line that Metabase and Looker bring along: pipelined statements, streamed results.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.*;
import java.util.*;

public class JavaClient {
    static final String ENDLESS = "SELECT COUNT(*) FROM lake.numbers a, lake.numbers b, lake.numbers c, lake.numbers d WHERE a.n + b.n + c.n + d.n < 0";
    static final String LARGE = "SELECT REPEAT('x', 1000) FROM lake.numbers a, lake.numbers b WHERE b.n < 100";
    static final int LARGE_ROWS = 100_000;

    static final BufferedReader answers = new BufferedReader(new InputStreamReader(System.in));
    static String port, certificate;
    static List<String[]> expected;

    public static void main(String[] arguments) throws Exception {
        port = arguments[0];
        certificate = arguments[1];
        expected = Files.readAllLines(Path.of("tests/clients/expected.tsv")).stream()
            .filter(line -> !line.startsWith("#")).map(line -> line.split("\t", -1)).toList();

        fails(() -> connect("useSsl=false", "wrong"), 1045, "28000");
        check(cipher(connect("useSsl=false")).isEmpty(), "no cipher");
        tell("password");
        // Without a certificate, others can look into the whole conversation, so that nothing is compressed either.
        boolean encrypts = !certificate.equals("-");
        String tls = encrypts ? "useSsl=true&serverSslCert=" + certificate : "useSsl=false";
        if (encrypts) {
            fails(() -> connect(tls, "wrong"), 1045, "28000");
            check(cipher(connect(tls)).matches("(TLS_|ECDHE-).*"), "a cipher");
            tell("tls");
        }

        for (String way : List.of("text", "prepared")) {
            Connection connection = connect(tls + "&useServerPrepStmts=" + way.equals("prepared"));
            List<Map<String, Object>> rows = types(connection, way);
            tell(way);
            checkParameters(connection, rows, way);
            tell(way + " parameters");
        }

        // What Metabase asks for.
        Connection connection =
            connect("useSsl=false&useCompression=" + encrypts + "&zeroDateTimeBehavior=convertToNull");
        fails(() -> query(connection, "SELECT * FROM lake.missing"), 1146, "42S02");
        fails(() -> query(connection, "SELEC 1"), 1064, "42000");
        tell("error");

        tell("kill " + query(connection, "SELECT CONNECTION_ID()"));
        fails(() -> query(connection, ENDLESS), 1317, "70100");
        check(query(connection, "SELECT 1").equals("1"), "the connection goes on");
        try (Statement statement = connection.createStatement()) {
            statement.setQueryTimeout(1);
            statement.executeQuery(ENDLESS);
            check(false, "a timeout");
        } catch (SQLException error) {
            check(error instanceof SQLTimeoutException || error.getErrorCode() == 1317, error.toString());
        }
        tell("cancelled");

        tell("streams");
        try (Statement statement = connection.createStatement()) {
            statement.setFetchSize(1000);
            ResultSet rows = statement.executeQuery(LARGE);
            int count = 0;
            for (; rows.next(); count++) {
                check(rows.getString(1).length() == 1000, "a row");
            }
            check(count == LARGE_ROWS, count + " rows");
        }
        tell("streamed");

        DatabaseMetaData told = connection.getMetaData();
        ResultSet columns = told.getColumns("lake", null, "types", "dec9");
        check(columns.next() && columns.getInt("COLUMN_SIZE") == 9 && columns.getInt("DECIMAL_DIGITS") == 2, "a decimal");
        check(!told.getPrimaryKeys("lake", null, "types").next(), "no key");
    }

    interface Action {
        void run() throws Exception;
    }

    /** The test answers every line, so that it can look at the process at that moment. */
    static void tell(String event) throws Exception {
        System.out.println(event);
        System.out.flush();
        answers.readLine();
    }

    static Connection connect(String settings) throws SQLException {
        return connect(settings, "correct horse");
    }

    static Connection connect(String settings, String password) throws SQLException {
        return DriverManager.getConnection("jdbc:mariadb://127.0.0.1:" + port + "/?" + settings, "ann", password);
    }

    static String cipher(Connection connection) throws SQLException {
        try (ResultSet row = connection.createStatement().executeQuery("SHOW STATUS LIKE 'Ssl_cipher'")) {
            row.next();
            return row.getString(2);
        }
    }

    static String query(Connection connection, String statement) throws SQLException {
        try (ResultSet row = connection.createStatement().executeQuery(statement)) {
            row.next();
            return row.getString(1);
        }
    }

    static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what + " is due");
        }
    }

    static void fails(Action action, int number, String state) throws Exception {
        try {
            action.run();
        } catch (SQLException error) {
            check(error.getErrorCode() == number && error.getSQLState().equals(state), number + " and not " + error);
            return;
        }
        check(false, "error " + number);
    }

    static List<Map<String, Object>> types(Connection connection, String way) throws SQLException {
        List<Map<String, Object>> rows = new ArrayList<>();
        try (PreparedStatement statement = connection.prepareStatement("SELECT * FROM lake.types WHERE id > ? ORDER BY id")) {
            statement.setInt(1, 0);
            ResultSet found = statement.executeQuery();
            while (found.next()) {
                Map<String, Object> row = new LinkedHashMap<>();
                for (int column = 1; column <= found.getMetaData().getColumnCount(); column++) {
                    String name = found.getMetaData().getColumnName(column);
                    // The driver's objects for dates and times have no microseconds.
                    boolean temporal = List.of("day", "clock", "instant").contains(name) || name.startsWith("at_");
                    row.put(name, temporal ? found.getString(column) : found.getObject(column));
                }
                rows.add(row);
            }
        }
        check(rows.size() == 4, "four rows");
        for (String[] line : expected) {
            Object value = rows.get(Integer.parseInt(line[0]) - 1).get(line[1]);
            check(same(line[2], line[3], value), way + ": " + String.join(" ", line) + " instead of " + value);
        }
        return rows;
    }

    static boolean same(String kind, String text, Object value) {
        return switch (kind) {
            case "null" -> value == null;
            case "integer" -> value instanceof Boolean truth ? (truth ? "1" : "0").equals(text)
                : (value instanceof Number) && value.toString().equals(text);
            case "float" -> value instanceof Float number
                && Math.abs(number - Float.parseFloat(text)) <= 1e-5 * Math.abs(number);
            case "double" -> value.equals(Double.parseDouble(text));
            case "decimal" -> value instanceof BigDecimal number && number.toPlainString().equals(text);
            case "datetime", "time" -> withoutZeros((String) value).equals(text);
            case "bytes" -> value instanceof byte[] bytes && HexFormat.of().formatHex(bytes).equals(text);
            default -> value.equals(text);
        };
    }

    static String withoutZeros(String text) {
        return text.contains(".") ? text.replaceAll("\\.?0+$", "") : text;
    }

    /** Sends back what was read; the server must take each value for the one that it sent. A FLOAT is never what its text says. */
    static void checkParameters(Connection connection, List<Map<String, Object>> rows, String way) throws SQLException {
        List<String> columns = rows.get(0).keySet().stream().filter(name -> !Set.of("id", "f32").contains(name)).toList();
        String tests = String.join(", ", columns.stream().map(name -> name + " <=> ? AS " + name).toList());
        try (PreparedStatement statement =
            connection.prepareStatement("SELECT " + tests + " FROM lake.types WHERE id = ?")) {
            for (Map<String, Object> row : rows) {
                int number = 0;
                for (String column : columns) {
                    Object value = row.get(column);
                    statement.setObject(++number, value instanceof BigInteger big ? new BigDecimal(big) : value);
                }
                statement.setObject(++number, row.get("id"));
                ResultSet answer = statement.executeQuery();
                answer.next();
                for (String column : columns) {
                    check(answer.getInt(column) == 1, way + ": the same " + column + " as " + row.get(column));
                }
            }
        }
    }
}
