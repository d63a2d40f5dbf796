/**
 * Offload features of an interface, by the kernel's own names ("tx-udp-segmentation"): the ioctls behind
 * `ethtool -k` and `-K` (linux/ethtool.h). Leaves out: turning features on, and everything else of ethtool.
 */
import { err, ok, type Result } from "../base/result.ts";
import {
  AF_INET,
  addressOf,
  close,
  ERRNO,
  ioctl,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  type SystemError,
  socket,
  systemError,
  systemErrorOf,
} from "./libc.ts";

const SIOCETHTOOL = 0x8946;
const GET_SET_INFO = 0x37;
const GET_STRINGS = 0x1b;
const GET_FEATURES = 0x3a;
const SET_FEATURES = 0x3b;
const FEATURE_NAMES = 4;

const NAME_OCTETS_MAX = 15;
const STRING_OCTETS = 32;

export interface Feature {
  readonly active: boolean;
  /** What was asked for; the driver may need other features off before it obeys. */
  readonly requested: boolean;
  /** Can be changed. */
  readonly changeable: boolean;
}

export interface TurnedOff {
  /** Were active and are not any more, in the order asked. */
  readonly changed: readonly string[];
  /** This kernel has no feature of that name. */
  readonly unknown: readonly string[];
  /** Still active: the driver does not let go. */
  readonly stuck: readonly string[];
}

/** Features of an interface of the current namespace, in the kernel's order. */
export function readFeatures(name: string): Result<ReadonlyMap<string, Feature>, SystemError> {
  return withControl(name, (control: Control) => {
    const table = readTable(control);
    return table.ok ? ok(table.value.features) : table;
  });
}

/** Turns `names` off on an interface of the current namespace; what is off already stays so. */
export function turnOff(name: string, names: readonly string[]): Result<TurnedOff, SystemError> {
  return withControl(name, (control: Control): Result<TurnedOff, SystemError> => {
    const before = readTable(control);
    if (!before.ok) return before;
    const { features } = before.value;
    const known = names.filter((n: string) => features.has(n));
    const on = known.filter((n: string) => features.get(n)?.active);
    // Off but requested is not off: the driver turns it on as soon as it can.
    const wanted = known.filter((n: string) => {
      const feature = features.get(n);
      return feature?.changeable && (feature.active || feature.requested);
    });
    if (wanted.length > 0) {
      const set = writeOff(control, before.value.strings, wanted);
      if (!set.ok) return set;
    }
    const after = readTable(control);
    if (!after.ok) return after;
    const stillOn = (n: string): boolean => after.value.features.get(n)?.active ?? false;
    return ok({
      changed: on.filter((n: string) => !stillOn(n)),
      unknown: names.filter((n: string) => !features.has(n)),
      stuck: known.filter(stillOn),
    });
  });
}

/** A socket through which ioctls reach one interface. */
interface Control {
  readonly fd: number;
  readonly name: string;
}

function withControl<T>(
  name: string,
  use: (control: Control) => Result<T, SystemError>,
): Result<T, SystemError> {
  if (name.length === 0 || name.length > NAME_OCTETS_MAX || !/^[!-~]*$/.test(name))
    return err(systemErrorOf(`find interface ${name}`, ERRNO.ENODEV));
  const fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return err(systemError(`open socket for ethtool on ${name}`));
  const result = use({ fd, name });
  close(fd);
  return result;
}

/** Passes `command` by pointer in a struct ifreq; the answer is written into it. */
function control({ fd, name }: Control, what: string, command: DataView): SystemError | null {
  const request = new DataView(new ArrayBuffer(40));
  for (const [i, c] of Array.from(name).entries()) request.setUint8(i, c.charCodeAt(0));
  const octets = new Uint8Array(command.buffer);
  request.setBigUint64(16, addressOf(octets), true);
  const done = ioctl(fd, SIOCETHTOOL, new Uint8Array(request.buffer));
  return done < 0 ? systemError(`${what} of ${name}`) : null;
}

interface FeatureTable {
  /** Every bit's name, in order; "" for a bit without one. */
  readonly strings: readonly string[];
  readonly features: ReadonlyMap<string, Feature>;
}

function readTable(on: Control): Result<FeatureTable, SystemError> {
  const strings = readStrings(on);
  if (!strings.ok) return strings;
  const words = Math.ceil(strings.value.length / 32);
  const view = new DataView(new ArrayBuffer(8 + 16 * words));
  view.setUint32(0, GET_FEATURES, true);
  view.setUint32(4, words, true);
  const error = control(on, "read features", view);
  if (error) return err(error);
  // For each 32 features four words: available, requested, active, never changed.
  const bit = (i: number, word: number): boolean =>
    ((view.getUint32(8 + 16 * (i >>> 5) + 4 * word, true) >>> (i & 31)) & 1) === 1;
  const features = new Map<string, Feature>();
  for (const [i, name] of strings.value.entries()) {
    if (name === "") continue;
    features.set(name, {
      active: bit(i, 2),
      requested: bit(i, 1),
      changeable: bit(i, 0) && !bit(i, 3),
    });
  }
  return ok({ strings: strings.value, features });
}

function readStrings(on: Control): Result<readonly string[], SystemError> {
  const info = new DataView(new ArrayBuffer(24));
  info.setUint32(0, GET_SET_INFO, true);
  info.setBigUint64(8, 1n << BigInt(FEATURE_NAMES), true);
  const infoError = control(on, "count features", info);
  if (infoError) return err(infoError);
  const count = info.getUint32(16, true);
  const view = new DataView(new ArrayBuffer(12 + STRING_OCTETS * count));
  view.setUint32(0, GET_STRINGS, true);
  view.setUint32(4, FEATURE_NAMES, true);
  view.setUint32(8, count, true);
  const error = control(on, "read names of features", view);
  if (error) return err(error);
  const text = (at: number): string => {
    const octets = new Uint8Array(view.buffer, at, STRING_OCTETS);
    const end = octets.indexOf(0);
    return String.fromCharCode(...octets.subarray(0, end < 0 ? STRING_OCTETS : end));
  };
  return ok(Array.from({ length: count }, (_, i: number) => text(12 + STRING_OCTETS * i)));
}

function writeOff(
  on: Control,
  strings: readonly string[],
  names: readonly string[],
): Result<void, SystemError> {
  const words = Math.ceil(strings.length / 32);
  const view = new DataView(new ArrayBuffer(8 + 8 * words));
  view.setUint32(0, SET_FEATURES, true);
  view.setUint32(4, words, true);
  // For each 32 features two words: which ones we mean, and what they shall be (0: off).
  for (const name of names) {
    const i = strings.indexOf(name);
    const at = 8 + 8 * (i >>> 5);
    view.setUint32(at, (view.getUint32(at, true) | (1 << (i & 31))) >>> 0, true);
  }
  const error = control(on, "turn off features", view);
  return error ? err(error) : ok(undefined);
}
