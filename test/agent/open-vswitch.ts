/**
 * Open vSwitch in a namespace of the test, its datapath in user space: database and switch in a directory of
 * their own, run by hand and stopped by their ids. The namespace's uplink is under a bridge that has its addresses,
 * for tunnels in user space take their routes and neighbours from bridges.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "./fabric.ts";

const SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema";

export class OpenVswitch {
  readonly #directory: string;
  readonly #namespace: string;
  readonly #daemons: ChildProcess[] = [];

  private constructor(namespace: string, directory: string) {
    this.#namespace = namespace;
    this.#directory = directory;
  }

  /** `directory` is made, and stays when the switch is stopped. */
  static async start(namespace: string, directory: string): Promise<OpenVswitch> {
    mkdirSync(directory);
    const started = new OpenVswitch(namespace, directory);
    const database = join(directory, "conf.db");
    execFileSync("ovsdb-tool", ["create", database, SCHEMA]);
    const remote = `--remote=punix:${join(directory, "db.sock")}`;
    started.#run("ovsdb-server", database, remote, started.#control("ovsdb"));
    await eventually(() => started.configure("--no-wait", "init"));
    started.#run("ovs-vswitchd", "--disable-system", started.#database, started.#control("switch"));
    // Answers when the switch has taken in what the database says.
    started.configure("set", "Open_vSwitch", ".", "external_ids:system-id=test");
    return started;
  }

  get #database(): string {
    return `unix:${join(this.#directory, "db.sock")}`;
  }

  #control(name: string): string {
    return `--unixctl=${join(this.#directory, `${name}.ctl`)}`;
  }

  #run(program: string, ...words: readonly string[]): void {
    const enter = [`--net=/run/netns/${this.#namespace}`, program];
    const env = { ...process.env, OVS_RUNDIR: this.#directory, OVS_LOGDIR: this.#directory };
    this.#daemons.push(
      spawn("nsenter", [...enter, "--no-chdir", "-vconsole:off", ...words], {
        stdio: "inherit",
        env,
      }),
    );
  }

  configure(...words: readonly string[]): string {
    const to = [`--db=${this.#database}`, "--timeout=10"];
    return execFileSync("ovs-vsctl", [...to, ...words], { encoding: "utf8", stdio: "pipe" });
  }

  addBridge(name: string, ...settings: readonly string[]): void {
    const set = ["set", "bridge", name, "datapath_type=netdev", ...settings];
    this.configure("add-br", name, "--", ...set);
  }

  addPort(bridge: string, port: string, ...settings: readonly string[]): void {
    const set = settings.length === 0 ? [] : ["--", "set", "interface", port, ...settings];
    this.configure("add-port", bridge, port, ...set);
  }

  /** The bridge forwards as these say, and in no other way. */
  setFlows(bridge: string, flows: readonly string[]): void {
    const to = `unix:${join(this.#directory, `${bridge}.mgmt`)}`;
    execFileSync("ovs-ofctl", ["--bundle", "replace-flows", to, "-"], { input: flows.join("\n") });
  }

  async stop(): Promise<void> {
    const ended = this.#daemons.map(
      (daemon) =>
        new Promise<void>((settle) => {
          if (daemon.exitCode !== null || daemon.signalCode !== null) return settle();
          daemon.on("exit", () => settle());
          daemon.kill("SIGTERM");
        }),
    );
    await Promise.all(ended);
  }
}
