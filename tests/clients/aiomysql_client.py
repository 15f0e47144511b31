"""aiomysql: PyMySQL's protocol over asyncio."""

import asyncio
import ssl

import aiomysql

from conversation import CERTIFICATE, PASSWORD, PORT, USER, Driver, hold


class Aiomysql(Driver):
    cannot_send = {"text": ("bytes",)}  # It takes a function of PyMySQL that is there no more.

    def __init__(self):
        self.loop = asyncio.new_event_loop()

    def connect(self, encrypted, password=PASSWORD):
        tls = ssl.create_default_context(cafile=CERTIFICATE) if encrypted else None
        return self.loop.run_until_complete(
            aiomysql.connect(host="127.0.0.1", port=PORT, user=USER, password=password, ssl=tls)
        )

    def problem(self, error):
        # It does not tell the state.
        states = {1045: "28000", 1146: "42S02", 1064: "42000", 1317: "70100"}
        return error.args[0], states[error.args[0]]

    def text(self, connection, statement, values=()):
        async def run():
            async with connection.cursor() as cursor:
                await cursor.execute(statement, values)
                return await cursor.fetchall()

        return self.loop.run_until_complete(run())

    def stream(self, connection, statement):
        async def execute():
            cursor = await connection.cursor(aiomysql.SSCursor)
            await cursor.execute(statement)
            return cursor

        cursor = self.loop.run_until_complete(execute())
        while rows := self.loop.run_until_complete(cursor.fetchmany(1000)):
            yield from rows
        self.loop.run_until_complete(cursor.close())


hold(Aiomysql())
