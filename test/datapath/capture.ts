/** What passes an interface, kept in a file and read by tshark. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";

/** Severity of a warning among tshark's expert items; errors are above. */
const PI_WARN = 0x600000;
const OPTIONS = ["udp.ignore_ipv6_zero_checksum:TRUE", "arp.detect_duplicate_ips:FALSE"];

export class Capture {
  readonly file: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;

  private constructor(child: ChildProcess, file: string) {
    this.file = file;
    this.#child = child;
    this.#ended = new Promise((settle) => child.on("close", () => settle()));
  }

  static async start(namespace: string, device: string, file: string): Promise<Capture> {
    const enter = [`--net=/run/netns/${namespace}`, "tcpdump", "-Z", "root"];
    const words = ["-i", device, "-w", file, "--immediate-mode", "-U", "-B", "65536"];
    const child = spawn("nsenter", [...enter, ...words], { stdio: ["ignore", "ignore", "pipe"] });
    const capture = new Capture(child, file);
    let said = "";
    await new Promise<void>((settle) => {
      child.stderr.on("data", (part: Buffer) => {
        said += part;
        if (said.includes("listening on")) settle();
      });
      child.on("close", () => settle());
    });
    assert.match(said, /listening on/);
    return capture;
  }

  /** All that passed until now is in the file. */
  async stop(): Promise<void> {
    this.#child.kill("SIGINT");
    await this.#ended;
  }

  /** A line of fields for each frame that `filter` lets through; a field that is there twice is "x,y". */
  read(filter: string, fields: readonly string[], ...more: readonly string[]): readonly string[][] {
    const text = execFileSync(
      "tshark",
      [
        ...["-n", "-r", this.file, "-Y", filter, "-T", "fields", "-E", "occurrence=a", ...more],
        ...OPTIONS.flatMap((option) => ["-o", option]),
        ...fields.flatMap((field) => ["-e", field]),
      ],
      { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], maxBuffer: 64 << 20 },
    );
    return text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => line.split("\t"));
  }

  /**
   * Frames that tshark warns of, with its words. TCP is left out: nothing of ours is TCP, and what a workload's
   * stream looks like half-way is not the wire's fault.
   */
  warnings(filter: string): readonly string[] {
    const sums = ["ip", "udp"].flatMap((protocol) => ["-o", `${protocol}.check_checksum:TRUE`]);
    const fields = ["frame.number", "frame.protocols", "_ws.expert.severity", "_ws.expert.message"];
    return this.read(filter, fields, "--disable-protocol", "tcp", ...sums)
      .filter(([, , severities = ""]) => severities.split(",").some((s) => Number(s) >= PI_WARN))
      .map((values) => values.join(" "));
  }
}
