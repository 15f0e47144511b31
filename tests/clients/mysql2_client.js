// mysql2: text and binary protocol.

"use strict";

const mysql = require("mysql2");
const { hold, options, tls } = require("./conversation.js");

const values = { dateStrings: true, supportBigNumbers: true };

hold({
  connect: async (encrypted, password) =>
    (await require("mysql2/promise").createConnection({ ...options, ...values, password, ssl: encrypted ? tls : undefined }))
      .connection,
  text: (connection, statement, values) => all(connection.promise().query(statement, values)),
  prepared: (connection, statement, values) => all(connection.promise().execute(statement, values)),
  stream: (connection, statement) => connection.query(statement).stream(),
  end: (connection) => connection.promise().end(),
});

const all = async (answer) => (await answer)[0];
