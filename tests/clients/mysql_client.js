// mysql, the oldest of JavaScript's drivers: mysql_native_password and the text protocol are all that it knows.

"use strict";

const { PassThrough } = require("node:stream");
const { promisify } = require("node:util");
const mysql = require("mysql");
const { hold, options, tls } = require("./conversation.js");

const values = { dateStrings: true, supportBigNumbers: true, bigNumberStrings: true };

hold({
  connect: async (encrypted, password) => {
    const connection = mysql.createConnection({ ...options, ...values, password, ssl: encrypted ? tls : undefined });
    await promisify(connection.connect).call(connection);
    return connection;
  },
  text: (connection, statement, values) => promisify(connection.query).call(connection, statement, values),
  // Its streams are older than iteration over streams.
  stream: (connection, statement) => {
    const rows = new PassThrough({ objectMode: true });
    connection.query(statement).stream().on("error", (error) => rows.destroy(error)).pipe(rows);
    return rows;
  },
  end: (connection) => promisify(connection.end).call(connection),
});
