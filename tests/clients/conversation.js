// The conversation that each JavaScript driver holds with the server; tests/it/clients.rs tells its parts. A driver's
// script says how the driver does things, and nothing about what must come of them.

"use strict";

const assert = require("node:assert");
const fs = require("node:fs");
const path = require("node:path");

const [port, certificate] = process.argv.slice(2);

exports.options = {
  host: "127.0.0.1",
  port: Number(port),
  user: "ann",
  password: "correct horse",
};
// Without a certificate, others can look into the whole conversation.
const encrypts = certificate !== "-";
exports.tls = encrypts && { ca: fs.readFileSync(certificate) };

const ENDLESS =
  "SELECT COUNT(*) FROM lake.numbers a, lake.numbers b, lake.numbers c, lake.numbers d WHERE a.n + b.n + c.n + d.n < 0";
const LARGE = "SELECT REPEAT('x', 1000) AS text FROM lake.numbers a, lake.numbers b WHERE b.n < 100";
const LARGE_ROWS = 100_000;

// The whole conversation. Tells each part that went well. A driver has: connect(encrypted, password) and end(connection),
// text(connection, statement, values) and perhaps prepared(…), which answer with objects, and stream(connection,
// statement), a stream of objects.
exports.hold = async (driver) => {
  const password = exports.options.password;
  await fails(() => driver.connect(false, "wrong"), 1045, "28000");
  let connection = await driver.connect(false, password);
  assert.equal(await cipher(driver, connection), "");
  await tell("password");
  if (encrypts) {
    await driver.end(connection);
    await fails(() => driver.connect(true, "wrong"), 1045, "28000");
    connection = await driver.connect(true, password);
    assert.match(await cipher(driver, connection), /^(TLS_|ECDHE-)/);
    await tell("tls");
  }

  for (const way of ["text", "prepared"]) {
    if (!driver[way]) continue;
    const run = (statement, values) => driver[way](connection, statement, values);
    const rows = await run("SELECT * FROM lake.types ORDER BY id", []);
    checkTypes(rows, way);
    await tell(way);
    await checkParameters(run, rows, way);
    await tell(`${way} parameters`);
  }

  await fails(() => driver.text(connection, "SELECT * FROM lake.missing", []), 1146, "42S02");
  await fails(() => driver.text(connection, "SELEC 1", []), 1064, "42000");
  await tell("error");

  const [{ id }] = await driver.text(connection, "SELECT CONNECTION_ID() AS id", []);
  await tell(`kill ${id}`);
  await fails(() => driver.text(connection, ENDLESS, []), 1317, "70100");
  assert.equal((await driver.text(connection, "SELECT 1 AS one", []))[0].one, 1);
  await tell("cancelled");

  await tell("streams");
  let count = 0;
  for await (const row of driver.stream(connection, LARGE)) {
    assert.equal(row.text.length, 1000);
    count += 1;
  }
  assert.equal(count, LARGE_ROWS);
  await tell("streamed");
  await driver.end(connection);
  process.exit();
};

// The test answers every line, so that it can look at the process at that moment.
const tell = (event) =>
  new Promise((resolve) => {
    process.stdin.once("data", resolve);
    process.stdout.write(`${event}\n`);
  });

const cipher = async (driver, connection) => {
  const [row] = await driver.text(connection, "SHOW STATUS LIKE 'Ssl_cipher'", []);
  return row.Value;
};

const fails = async (action, number, state) => {
  let error;
  try {
    await action();
  } catch (caught) {
    error = caught;
  }
  assert.ok(error, `${number} must be the end of it`);
  assert.deepEqual([error.errno, error.sqlState], [number, state], String(error));
};

const expected = fs
  .readFileSync(path.join(__dirname, "expected.tsv"), "utf8")
  .split("\n")
  .filter((line) => line && !line.startsWith("#"))
  .map((line) => line.split("\t"));

const checkTypes = (rows, way) => {
  assert.equal(rows.length, 4);
  for (const [row, column, kind, text] of expected) {
    const value = rows[row - 1][column];
    assert.ok(same(kind, text, value), `${way}: ${column} of row ${row} is ${value} and not ${kind} ${text}`);
  }
};

// JavaScript has neither large integers nor decimals nor fractions finer than milliseconds: the drivers give strings.
const same = (kind, text, value) => {
  switch (kind) {
    case "null":
      return value === null;
    case "integer":
      return (typeof value !== "number" || Number.isSafeInteger(value)) && String(value) === text;
    case "float":
      return typeof value === "number" && Math.abs(value - Number(text)) <= 1e-5 * Math.abs(value);
    case "double":
      return value === Number(text);
    case "datetime":
    case "time":
      return withoutZeros(value) === text;
    case "bytes":
      return Buffer.isBuffer(value) && value.toString("hex") === text;
    default:
      return value === text;
  }
};

const withoutZeros = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);

// Sends back what was read; the server must take each value for the one that it sent. A FLOAT is never what its text says.
const checkParameters = async (run, rows, way) => {
  const columns = expected.filter(([row]) => row === "1").map(([, column]) => column);
  const sent = columns.filter((column) => !["id", "f32"].includes(column));
  const tests = sent.map((column) => `${column} <=> ? AS ${column}`).join(", ");
  for (const row of rows) {
    const values = [...sent.map((column) => row[column]), row.id];
    const [answer] = await run(`SELECT ${tests} FROM lake.types WHERE id = ?`, values);
    const wrong = sent.filter((column) => Number(answer[column]) !== 1);
    assert.deepEqual(wrong, [], `${way}: taken for something else`);
  }
};
