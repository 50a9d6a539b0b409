// JDBC through PgBouncer: two client connections take turns on one server connection.
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

public final class JdbcClient {
    private static final String ALPHA = System.getenv("ALPHA");
    private static final String BETA = System.getenv("BETA");
    private static final String PEOPLE = "SELECT reference, last_name, first_name FROM attest.people ORDER BY reference";
    private static final String BYSTANDER = "SELECT pg_backend_pid(), (SELECT count(*) FROM attest.people), "
        + "(SELECT tenant FROM attest.whoami())";
    // setString() sends a varchar: the type is named in the statement.
    private static final String SIGN = "SELECT attest.sign(?, ?, ?::attest.signature)";
    private static boolean failed;

    private interface Work<T> {
        T run() throws SQLException;
    }

    private static void check(boolean condition, String name, Object seen) {
        System.out.println((condition ? "ok" : "not ok") + " - jdbc: " + name);
        if (!condition) {
            failed = true;
            System.out.println("# " + seen);
        }
    }

    private static void equal(Object got, Object wanted, String name) {
        check(Objects.equals(got, wanted), name, "got " + got + ", wanted " + wanted);
    }

    private static Connection connect(String options) throws SQLException {
        Connection connection = DriverManager.getConnection(System.getenv("JDBC_URL") + options);
        connection.setAutoCommit(false);
        return connection;
    }

    private static List<List<Object>> rows(Connection connection, String sql, Object... values) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            for (int i = 0; i < values.length; i++) {
                statement.setObject(i + 1, values[i]);
            }
            List<List<Object>> rows = new ArrayList<>();
            try (ResultSet result = statement.executeQuery()) {
                int columns = result.getMetaData().getColumnCount();
                while (result.next()) {
                    List<Object> row = new ArrayList<>();
                    for (int column = 1; column <= columns; column++) {
                        row.add(result.getObject(column));
                    }
                    rows.add(row);
                }
            }
            return rows;
        }
    }

    /** Runs the work in one transaction, which has entered if there is a ticket. */
    private static <T> T within(Connection connection, String ticket, Work<T> work) throws SQLException {
        try {
            if (ticket != null) {
                rows(connection, "SELECT attest.enter(?)", ticket);
            }
            T result = work.run();
            connection.commit();
            return result;
        } catch (SQLException error) {
            connection.rollback();
            throw error;
        }
    }

    private static List<Object> bystander(Connection connection) throws SQLException {
        return within(connection, null, () -> rows(connection, BYSTANDER).get(0));
    }

    private static List<Object> row(Object... values) {
        List<Object> row = new ArrayList<>();
        for (Object value : values) {
            row.add(value);
        }
        return row;
    }

    private static List<List<Object>> people(String tenant) {
        List<List<Object>> people = new ArrayList<>();
        for (int n = 1; n <= 3; n++) {
            people.add(row(tenant + "-" + n, "Nom " + n + " " + tenant, "Zo\u00e9"));
        }
        return people;
    }

    private static ServerErrorMessage refused(Connection connection, String ticket, String state, String name, String sql,
            Object... values) throws SQLException {
        try {
            within(connection, ticket, () -> rows(connection, sql, values));
        } catch (PSQLException error) {
            ServerErrorMessage message = error.getServerErrorMessage();
            equal(error.getSQLState(), state, name + ": SQLSTATE " + state);
            check(message != null && message.getHint() != null, name + ": with a hint", error);
            check(!error.getMessage().contains("Nom") && !error.getMessage().contains("Zo\u00e9"), name + ": names nobody", error);
            return message;
        }
        check(false, name + ": is refused", null);
        return null;
    }

    private static String capture(String name) throws java.io.IOException {
        Matcher png = Pattern.compile("\"png\"\\s*:\\s*\"([^\"]+)\"").matcher(Files.readString(Path.of("demo/signatures/" + name + ".json")));
        if (!png.find()) {
            throw new IllegalStateException("no PNG in " + name);
        }
        return png.group(1);
    }

    private static void write(Connection one, Connection two, List<Object> nobody) throws Exception {
        UUID[] ids = within(one, ALPHA, () -> new UUID[] {
            (UUID) rows(one, "SELECT person_id FROM attest.people ORDER BY reference LIMIT 1").get(0).get(0),
            (UUID) rows(one, "SELECT slot_id FROM attest_data.slot ORDER BY slot_id OFFSET 6 LIMIT 1").get(0).get(0)});
        UUID person = ids[0];
        UUID slot = ids[1];
        String png = capture("s03-1");
        Object presence = within(one, ALPHA, () -> rows(one, SIGN, slot, person, png)).get(0).get(0);
        equal(within(two, ALPHA, () -> rows(two,
            "SELECT status, method, presence_id FROM attest.presences WHERE slot_id = ? AND person_id = ?", slot, person)),
            List.of(row("present", "signature", presence)), "what one signs, the other reads");

        ServerErrorMessage twice = refused(one, ALPHA, "TA104", "signing twice", SIGN, slot, person, png);
        check(twice != null && String.valueOf(twice.getDetail()).contains(slot.toString()), "signing twice: the detail names the slot", twice);
        refused(one, BETA, "TA105", "a slot of another tenant", SIGN, slot, person, png);
        refused(one, null, "TA001", "no ticket", SIGN, slot, person, png);
        refused(one, ALPHA.substring(2), "TA002", "a ticket without its beginning", "SELECT 1");
        equal(bystander(two), nobody, "after errors the next transaction is nobody");
    }

    public static void main(String[] arguments) throws Exception {
        // The first prepares what it repeats, as the driver does unless told otherwise.  Its
        // names stand on the server connection, so the second, which shares it, does without.
        try (Connection one = connect(""); Connection two = connect("&prepareThreshold=0")) {
            Object pid = bystander(one).get(0);
            List<Object> nobody = row(pid, 0L, null);
            equal(bystander(two), nobody, "a second client is on the same server connection, and nobody");

            equal(within(one, ALPHA, () -> rows(one, PEOPLE)), people("alpha"), "people are read");
            equal(bystander(two), nobody, "the next transaction, of the other client, is nobody");
            equal(within(one, ALPHA, () -> rows(one, "SELECT tenant, profile, pg_backend_pid() FROM attest.whoami()")),
                List.of(row("alpha", "manager", pid)), "whoami() tells who one is");
            equal(bystander(one), nobody, "the next transaction of the same client is nobody");
            write(one, two, nobody);

            within(one, null, () -> rows(one, "SELECT set_config('attest.ticket', ?, false)", ALPHA));
            equal(bystander(two), nobody, "a session-level ticket counts for nothing in the next transaction");
            equal(bystander(one), nobody, "not even for the client that set it");

            boolean right = true;
            try (PreparedStatement statement = one.prepareStatement(PEOPLE)) {
                for (int turn = 0; turn < 20; turn++) {
                    String tenant = turn % 2 == 0 ? "alpha" : "beta";
                    String seen = within(one, turn % 2 == 0 ? ALPHA : BETA, () -> {
                        try (ResultSet result = statement.executeQuery()) {
                            return result.next() ? result.getString(1) : null;
                        }
                    });
                    right = right && (tenant + "-1").equals(seen) && bystander(two).equals(nobody);
                }
            }
            check(right, "20 turns of one prepared statement: each sees its own tenant, and nobody comes between", null);
            equal(within(one, null, () -> rows(one, "SELECT count(*) FROM pg_prepared_statements WHERE statement = ?", PEOPLE)),
                List.of(row(1L)), "by then the driver had prepared it on the server");
        }
        System.exit(failed ? 1 : 0);
    }
}
