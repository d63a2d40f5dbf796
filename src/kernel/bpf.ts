/**
 * bpf(2) through libbpf: load an object with its maps pinned, attach at tcx, read and write maps, test-run.
 * Maps are found by their pins: an object whose maps are pinned already uses those. Leaves out the ring buffer
 * (ring.ts). Calls are synchronous; failures are `BpfError`s with what libbpf or the verifier said.
 */
import koffi from "koffi";
import { err, ok, type Result } from "../base/result.ts";
import { errnoName, errnoText } from "./libc.ts";

const libbpf = koffi.load("libbpf.so.1");
const libc = koffi.load("libc.so.6");

export interface BpfError {
  readonly kind: "bpf";
  /** What was attempted, with its object: "load from-port.bpf.o", "update fdb". */
  readonly call: string;
  readonly errno: number;
  readonly name: string;
  /** What the kernel or libbpf said, the last lines of it. */
  readonly detail: string;
}

type Pointer = bigint;

const openFile: (path: string, options: null) => Pointer | null = libbpf.func(
  "void *bpf_object__open_file(const char *, const void *)",
);
const closeObject: (object: Pointer) => void = libbpf.func("void bpf_object__close(void *)");
const loadObject: (object: Pointer) => number = libbpf.func("int bpf_object__load(void *)");
const nextMap: (object: Pointer, after: Pointer | null) => Pointer | null = libbpf.func(
  "void *bpf_object__next_map(void *, void *)",
);
const nextProgram: (object: Pointer, after: Pointer | null) => Pointer | null = libbpf.func(
  "void *bpf_object__next_program(void *, void *)",
);
const mapName: (map: Pointer) => string = libbpf.func("const char *bpf_map__name(void *)");
const mapFd: (map: Pointer) => number = libbpf.func("int bpf_map__fd(void *)");
const setPinPath: (map: Pointer, path: string) => number = libbpf.func(
  "int bpf_map__set_pin_path(void *, const char *)",
);
const programName: (program: Pointer) => string = libbpf.func(
  "const char *bpf_program__name(void *)",
);
const programFd: (program: Pointer) => number = libbpf.func("int bpf_program__fd(void *)");
const libbpfError: (pointer: Pointer | null) => number | bigint = libbpf.func(
  "long libbpf_get_error(void *)",
);
const updateElement: (fd: number, key: Uint8Array, row: Uint8Array, flags: bigint) => number =
  libbpf.func("int bpf_map_update_elem(int, const uint8_t *, const uint8_t *, uint64_t)");
const lookupElement: (fd: number, key: Uint8Array, row: Uint8Array) => number = libbpf.func(
  "int bpf_map_lookup_elem(int, const uint8_t *, _Out_ uint8_t *)",
);
const deleteElement: (fd: number, key: Uint8Array) => number = libbpf.func(
  "int bpf_map_delete_elem(int, const uint8_t *)",
);
const updateBatch: (
  fd: number,
  keys: Uint8Array,
  rows: Uint8Array,
  count: Uint32Array,
  options: null,
) => number = libbpf.func(
  "int bpf_map_update_batch(int, const uint8_t *, const uint8_t *, uint32_t *, const void *)",
);
const lookupBatch: (
  fd: number,
  from: Uint8Array | null,
  next: Uint8Array,
  keys: Uint8Array,
  rows: Uint8Array,
  count: Uint32Array,
  options: null,
) => number = libbpf.func(
  "int bpf_map_lookup_batch(int, const uint8_t *, uint8_t *, uint8_t *, uint8_t *, uint32_t *, const void *)",
);
const createLink: (program: number, target: number, type: number, options: null) => number =
  libbpf.func("int bpf_link_create(int, int, int, const void *)");
const updateLink: (link: number, program: number, options: null) => number = libbpf.func(
  "int bpf_link_update(int, int, const void *)",
);
const pinObject: (fd: number, path: string) => number = libbpf.func(
  "int bpf_obj_pin(int, const char *)",
);
const getObject: (path: string) => number = libbpf.func("int bpf_obj_get(const char *)");
const objectInfo: (fd: number, info: Uint8Array, octets: Uint32Array) => number = libbpf.func(
  "int bpf_obj_get_info_by_fd(int, uint8_t *, uint32_t *)",
);
const testRun: (program: number, options: Uint8Array) => number = libbpf.func(
  "int bpf_prog_test_run_opts(int, uint8_t *)",
);
const possibleCpus: () => number = libbpf.func("int libbpf_num_possible_cpus()");
const closeFd: (fd: number) => number = libc.func("int close(int)");
const formatMessage: (out: Uint8Array, octets: number, format: string, args: unknown) => number =
  libc.func("int vsnprintf(_Out_ uint8_t *, size_t, const char *, void *)");

/** libbpf's words of the call under way; they are told only when the call fails. */
const said: string[] = [];
const SAID_MAX = 400;
const printPrototype = koffi.proto("int weft_libbpf_print(int, const char *, void *)");
const printer = koffi.register((_level: number, format: string, args: unknown): number => {
  const out = new Uint8Array(4096);
  const octets = formatMessage(out, out.length, format, args);
  said.push(new TextDecoder().decode(out.subarray(0, Math.min(octets, out.length - 1))));
  if (said.length > SAID_MAX) said.shift();
  return 0;
}, koffi.pointer(printPrototype));
libbpf.func("weft_libbpf_print *libbpf_set_print(weft_libbpf_print *)")(printer);

function failure(call: string, code: number): BpfError {
  const errno = code < -1 ? -code : koffi.errno();
  const words = said.join("").trim().split("\n").slice(-12).join("\n");
  const detail = words === "" ? errnoText(errno) : `${errnoText(errno)}\n${words}`;
  return { kind: "bpf", call, errno, name: errnoName(errno), detail };
}

export interface LoadedObject {
  readonly mapFds: ReadonlyMap<string, number>;
  readonly programFds: ReadonlyMap<string, number>;
  /** Lets go of programs and maps; what is pinned or attached lives on. */
  readonly close: () => void;
}

/** Opens, pins the maps of (or binds them to their pins under) `pins`, verifies and loads. */
export function loadBpfObject(path: string, pins: string): Result<LoadedObject, BpfError> {
  said.length = 0;
  const object = openFile(path, null);
  const error = Number(libbpfError(object));
  if (object === null || error !== 0) return err(failure(`open ${path}`, error));
  const maps: Pointer[] = [];
  for (let map = nextMap(object, null); map !== null; map = nextMap(object, map)) maps.push(map);
  for (const map of maps) {
    // .rodata and its like belong to one object and are not shared.
    if (mapName(map).includes(".")) continue;
    const code = setPinPath(map, `${pins}/${mapName(map)}`);
    if (code !== 0) {
      closeObject(object);
      return err(failure(`pin ${mapName(map)}`, code));
    }
  }
  const code = loadObject(object);
  if (code !== 0) {
    const problem = failure(`load ${path}`, code);
    closeObject(object);
    return err(problem);
  }
  const programFds = new Map<string, number>();
  for (let p = nextProgram(object, null); p !== null; p = nextProgram(object, p))
    programFds.set(programName(p), programFd(p));
  return ok({
    mapFds: new Map(maps.map((map) => [mapName(map), mapFd(map)])),
    programFds,
    close: (): void => closeObject(object),
  });
}

/** BPF_TCX_INGRESS of the kernel's enum bpf_attach_type; Debian 12's headers end before it. */
const TCX_INGRESS = 46;

/** Attaches at the tcx ingress of an interface of the current network namespace; the link's fd. */
export function attachTcxIngress(program: number, ifindex: number): Result<number, BpfError> {
  said.length = 0;
  const fd = createLink(program, ifindex, TCX_INGRESS, null);
  return fd < 0 ? err(failure(`attach to interface ${ifindex}`, fd)) : ok(fd);
}

/** Puts another program behind a link, atomically: no packet sees neither. */
export function replaceProgram(link: number, program: number): Result<null, BpfError> {
  said.length = 0;
  const code = updateLink(link, program, null);
  return code !== 0 ? err(failure("replace the program of a link", code)) : ok(null);
}

export function pin(fd: number, path: string): Result<null, BpfError> {
  said.length = 0;
  const code = pinObject(fd, path);
  return code !== 0 ? err(failure(`pin ${path}`, code)) : ok(null);
}

/** The fd of what is pinned at `path`, or null if nothing is. */
export function openPinned(path: string): Result<number | null, BpfError> {
  said.length = 0;
  const fd = getObject(path);
  if (fd >= 0) return ok(fd);
  const problem = failure(`open ${path}`, fd);
  return problem.name === "ENOENT" ? ok(null) : err(problem);
}

export function closeBpfFd(fd: number): void {
  closeFd(fd);
}

/** The interface that a tcx link is attached to; 0 when the interface is gone. */
export function linkIfindex(link: number): Result<number, BpfError> {
  // struct bpf_link_info: type u32, id u32, prog_id u32, then for tcx at 16: ifindex u32, attach_type u32
  const info = new Uint8Array(256);
  const code = objectInfo(link, info, Uint32Array.of(info.length));
  if (code !== 0) return err(failure("read a link", code));
  return ok(new DataView(info.buffer).getUint32(16, true));
}

export function cpuCount(): number {
  return possibleCpus();
}

export interface MapShape {
  readonly keyOctets: number;
  readonly rowOctets: number;
  /** Every index is always there; a row of zeros is none. */
  readonly isArray: boolean;
}

/** One map by its fd. Keys and rows are packed octets (rows/pack.ts). */
/** BPF_NOEXIST. */
const NO_EXIST = 1n;

export class BpfMap {
  readonly name: string;
  readonly fd: number;
  readonly #keyOctets: number;
  readonly #rowOctets: number;
  readonly #isArray: boolean;

  /** `rowOctets`: of one row; for per-CPU maps of one CPU's. */
  constructor(name: string, fd: number, shape: MapShape) {
    const { keyOctets, rowOctets } = shape;
    this.#isArray = shape.isArray;
    this.name = name;
    this.fd = fd;
    this.#keyOctets = keyOctets;
    this.#rowOctets = rowOctets;
  }

  set(key: Uint8Array, row: Uint8Array): Result<null, BpfError> {
    said.length = 0;
    const code = updateElement(this.fd, key, row, 0n);
    return code !== 0 ? err(failure(`update ${this.name}`, code)) : ok(null);
  }

  /** Whether it was set: false if there is a row already. */
  setIfAbsent(key: Uint8Array, row: Uint8Array): Result<boolean, BpfError> {
    said.length = 0;
    const code = updateElement(this.fd, key, row, NO_EXIST);
    if (code === 0) return ok(true);
    const problem = failure(`update ${this.name}`, code);
    return problem.name === "EEXIST" ? ok(false) : err(problem);
  }

  get(key: Uint8Array): Uint8Array | null {
    const row = new Uint8Array(this.#rowOctets);
    return lookupElement(this.fd, key, row) === 0 ? row : null;
  }

  /** Absent is as good as deleted. */
  delete(key: Uint8Array): Result<null, BpfError> {
    said.length = 0;
    const code = deleteElement(this.fd, key);
    if (code === 0) return ok(null);
    const problem = failure(`delete from ${this.name}`, code);
    return problem.name === "ENOENT" ? ok(null) : err(problem);
  }

  /** Writes many rows in one call; `keys` and `rows` are parallel. */
  setMany(keys: readonly Uint8Array[], rows: readonly Uint8Array[]): Result<null, BpfError> {
    if (keys.length === 0) return ok(null);
    const count = Uint32Array.of(keys.length);
    const code = updateBatch(this.fd, concat(keys), concat(rows), count, null);
    return code !== 0 ? err(failure(`update ${this.name}`, code)) : ok(null);
  }

  /** Every entry, in no order; of an array those that are not all zero. */
  entries(): Result<readonly (readonly [Uint8Array, Uint8Array])[], BpfError> {
    const out: (readonly [Uint8Array, Uint8Array])[] = [];
    const visited = this.visit((key, row) => {
      out.push([Uint8Array.from(key), Uint8Array.from(row)]);
    });
    return visited.ok ? ok(out) : visited;
  }

  /** The same, shown one by one: what `see` is given is there during its call only. */
  visit(see: (key: Buffer, row: Buffer) => void): Result<null, BpfError> {
    const chunk = 512;
    const cursor = new Uint8Array(Math.max(8, this.#keyOctets));
    // Read into the same memory again and again: a map may have room for far more than it holds.
    const keys = Buffer.alloc(chunk * this.#keyOctets);
    const rows = Buffer.alloc(chunk * this.#rowOctets);
    const zero = Buffer.alloc(this.#rowOctets);
    let from: Uint8Array | null = null;
    for (;;) {
      const count = Uint32Array.of(chunk);
      const code = lookupBatch(this.fd, from, cursor, keys, rows, count, null);
      const problem = code === 0 ? null : failure(`read ${this.name}`, code);
      // ENOENT: that was the last batch.
      if (problem && problem.name !== "ENOENT") return err(problem);
      for (let i = 0; i < (count[0] ?? 0); i++) {
        const at = i * this.#rowOctets;
        if (this.#isArray && rows.compare(zero, 0, zero.length, at, at + zero.length) === 0)
          continue;
        const key = keys.subarray(i * this.#keyOctets, (i + 1) * this.#keyOctets);
        see(key, rows.subarray(at, at + this.#rowOctets));
      }
      if (problem) return ok(null);
      from = cursor;
    }
  }

  /** One entry of a per-CPU map: a row a CPU. Rows are padded to 8 octets by the kernel. */
  perCpu(key: Uint8Array): readonly Uint8Array[] {
    const each = (this.#rowOctets + 7) & ~7;
    const all = new Uint8Array(each * cpuCount());
    if (lookupElement(this.fd, key, all) !== 0) return [];
    return Array.from({ length: cpuCount() }, (_, cpu) =>
      all.subarray(cpu * each, cpu * each + this.#rowOctets),
    );
  }
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const each = parts[0]?.length ?? 0;
  const out = new Uint8Array(parts.length * each);
  for (const [i, part] of parts.entries()) out.set(part, i * each);
  return out;
}

export interface TestRun {
  /** What the program returned: -1 next, 0 pass, 2 drop, 7 redirect. */
  readonly action: number;
  /** The packet afterwards. */
  readonly octets: Uint8Array;
}

/**
 * BPF_PROG_TEST_RUN: one frame through a program of type sched_cls, as if received on `ifindex` of the current
 * namespace. Clones that the program redirects are really sent. With `gsoOctets` the frame is an aggregate of
 * segments of that size, of no protocol that the kernel would segment.
 */
export function runProgram(
  program: number,
  frame: Uint8Array,
  ifindex: number,
  gsoOctets: number = 0,
): Result<TestRun, BpfError> {
  said.length = 0;
  // struct __sk_buff is 192 octets; ifindex at 40, gso_segs at 164, gso_size at 176. What is not ours to say must be zero.
  const context = new Uint8Array(192);
  const packet = new DataView(context.buffer);
  packet.setUint32(40, ifindex, true);
  packet.setUint32(164, gsoOctets === 0 ? 0 : Math.ceil(frame.length / gsoOctets), true);
  packet.setUint32(176, gsoOctets, true);
  const out = new Uint8Array(frame.length + 256);
  const options = new Uint8Array(88);
  const view = new DataView(options.buffer);
  view.setBigUint64(0, BigInt(options.length), true);
  view.setBigUint64(8, koffi.address(frame), true);
  view.setBigUint64(16, koffi.address(out), true);
  view.setUint32(24, frame.length, true);
  view.setUint32(28, out.length, true);
  view.setBigUint64(32, koffi.address(context), true);
  view.setUint32(48, context.length, true);
  const code = testRun(program, options);
  if (code !== 0) return err(failure("test-run", code));
  return ok({
    action: view.getInt32(56, true),
    octets: out.slice(0, view.getUint32(28, true)),
  });
}
