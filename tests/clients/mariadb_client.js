// MariaDB's driver for JavaScript: text and binary protocol.

"use strict";

const mariadb = require("mariadb");
const { hold, options, tls } = require("./conversation.js");

const values = { dateStrings: true };

hold({
  connect: (encrypted, password) => mariadb.createConnection({ ...options, ...values, password, ssl: encrypted ? tls : false }),
  text: (connection, statement, values) => connection.query(statement, values),
  prepared: (connection, statement, values) => connection.execute(statement, values),
  stream: (connection, statement) => connection.queryStream(statement),
  end: (connection) => connection.end(),
});
