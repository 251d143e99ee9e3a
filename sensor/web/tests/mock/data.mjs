// A small made network in the hour before a fixed moment: the same flows on every run.

export const NOW = Date.UTC(2026, 2, 2, 10, 0, 0);
const MINUTE = 60_000;
const COUNT = 4000;

/** Names that somebody on the network chose: none of them may become markup, or turn its neighbours round. */
export const HOSTILE = { interface: "<img src=x onerror=alert(1)>", label: "prod\u202egnp.exe", device: "edge <b>1</b>" };

/** Marsaglia's xorshift: random enough, and the same everywhere. */
function generator(seed) {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

const field = (name, type, doc, ops, groupable = true, unit = undefined) => ({ name, type, doc, ops, groupable, ...(unit ? { unit } : {}) });
const EQUAL = ["==", "!=", "in"];
const ORDER = ["==", "!=", "<", "<=", ">", ">=", "in"];

export const FIELDS = [
  field("start", "int", "First packet, milliseconds since the epoch", ORDER, false, "ms"),
  field("end", "int", "Last packet, milliseconds since the epoch", ORDER, false, "ms"),
  field("duration", "int", "Milliseconds from the first to the last packet", ORDER, false, "ms"),
  field("srcip", "ip", "Source address", EQUAL),
  field("dstip", "ip", "Destination address", EQUAL),
  field("srcport", "int", "Source port", ORDER),
  field("dstport", "int", "Destination port", ORDER),
  field("protocol", "string", "IP protocol by its IANA name", EQUAL),
  field("octets", "int", "Octets of the IP packets", ORDER, false, "octets"),
  field("packets", "int", "Packets", ORDER, false),
  field("action", "string", "`accepted` or `rejected`", EQUAL),
  field("direction", "string", "`ingress` or `egress`", EQUAL),
  field("interface", "string", "Name of the interface that saw the flow", EQUAL),
  field("flowtype", "string", "What observed the flow", EQUAL),
  field("flowsrcname", "string", "Name of the source", EQUAL),
  field("process", "string", "Program of the local end", EQUAL),
  field("srcgeo.countrycode", "string", "ISO country of the source", EQUAL),
  field("dstgeo.countrycode", "string", "ISO country of the destination", EQUAL),
  field("label.src.role", "string[]", "Values of the label role of the source", EQUAL),
  field("label.dst.role", "string[]", "Values of the label role of the destination", EQUAL),
];

export const SOURCES = [
  { id: "kernel", kind: "kernel", name: "this host", last_ms: NOW - 400, records: 2_811_904, lost: 0, state: "ok" },
  { id: "device:1", kind: "device", name: HOSTILE.device, last_ms: NOW - 2100, records: 918_233, lost: 12, state: "ok" },
  { id: "cloud:1", kind: "cloud", name: "aws/eu-west-1", last_ms: NOW - 410_000, watermark_ms: NOW - 600_000, records: "9007199254740995", lost: 0, state: "late" },
];

const ROLES = { "10.0.1": "web", "10.0.2": "database", "10.0.3": "office", "10.9.9": HOSTILE.label };
const SERVICES = [
  { port: 443, protocol: "tcp", process: "nginx", weight: 5 },
  { port: 5432, protocol: "tcp", process: "postgres", weight: 3 },
  { port: 53, protocol: "udp", process: "systemd-resolved", weight: 3 },
  { port: 22, protocol: "tcp", process: "sshd", weight: 1 },
  { port: 8080, protocol: "tcp", process: "java", weight: 1 },
];
const COUNTRIES = ["DE", "US", "NL", "FR", "JP"];

const role = (address) => {
  const found = ROLES[address.replace(/\.\d+$/, "")];
  return found === undefined ? null : [found];
};

function flows() {
  const random = generator(20_260_302);
  const pick = (list) => list[Math.floor(random() * list.length)];
  const services = SERVICES.flatMap((service) => Array.from({ length: service.weight }, () => service));
  const made = [];
  for (let index = 0; index < COUNT; index += 1) {
    const isScan = index % 40 === 7;
    const end = Math.round(NOW - 1000 - (COUNT - 1 - index) * ((62 * MINUTE) / COUNT) * (0.98 + random() * 0.02));
    const service = pick(services);
    const isOutside = random() < 0.45;
    const srcip = isScan ? "10.0.3.66" : isOutside ? `198.51.100.${1 + Math.floor(random() * 30)}` : `10.0.${pick([1, 3])}.${1 + Math.floor(random() * 12)}`;
    const dstip = isScan ? `10.0.2.${1 + (index % 250)}` : service.port === 5432 ? `10.0.2.${1 + Math.floor(random() * 3)}` : index % 97 === 0 ? "10.9.9.9" : `10.0.1.${1 + Math.floor(random() * 9)}`;
    const packets = isScan ? 1 : 2 + Math.floor(random() ** 3 * 900);
    // A burst at half past, so that the picture has something to zoom into.
    const burst = Math.abs(end - (NOW - 30 * MINUTE)) < 2 * MINUTE ? 6 : 1;
    const isHost = random() < 0.7;
    made.push({
      id: `f${index}`,
      start: end - Math.floor(random() ** 2 * 9000),
      end,
      srcip,
      dstip,
      srcport: 32_768 + Math.floor(random() * 28_000),
      dstport: isScan ? 1 + ((index * 7) % 1024) : service.port,
      protocol: isScan ? "tcp" : service.protocol,
      octets: packets * (isScan ? 60 : 90 + Math.floor(random() * 1300)) * burst,
      packets: packets * burst,
      action: isScan ? "rejected" : "accepted",
      direction: random() < 0.5 ? "ingress" : "egress",
      interface: index % 211 === 0 ? HOSTILE.interface : "eth0",
      flowtype: isHost ? "host" : "netflow",
      flowsrcname: isHost ? null : HOSTILE.device,
      process: isHost && !isScan ? service.process : null,
      "srcgeo.countrycode": isOutside && !isScan ? pick(COUNTRIES) : null,
      "dstgeo.countrycode": null,
      "label.src.role": role(srcip),
      "label.dst.role": role(dstip),
    });
  }
  for (const flow of made) flow.duration = flow.end - flow.start;
  return made;
}

export const FLOWS = flows();
export const HELD = { flows: FLOWS.length, from_ms: Math.min(...FLOWS.map(({ end }) => end)), to_ms: Math.max(...FLOWS.map(({ end }) => end)) };

const scan = { policy: "port_scan", key: { srcip: "10.0.3.66" }, q: "action == rejected && srcip == 10.0.3.66", threshold: 20 };

export const HITS = [
  { id: "h1", ...scan, severity: "medium", type: "start", at_ms: NOW - 12 * MINUTE, start_ms: NOW - 12 * MINUTE, value: 22, count: 22, sentence: "10.0.3.66 asked 22 ports of 22 hosts in a minute" },
  { id: "h2", ...scan, severity: "high", type: "end", at_ms: NOW - 7 * MINUTE, start_ms: NOW - 12 * MINUTE, end_ms: NOW - 7 * MINUTE, value: 61, count: 61, sentence: "10.0.3.66 asked 61 ports of 61 hosts in a minute" },
  { id: "h3", policy: "label_<b>mix</b>", key: { srcip: "10.0.3.4", "label.dst.role": HOSTILE.label }, severity: "low", type: "ongoing", at_ms: NOW - 2 * MINUTE, start_ms: NOW - 9 * MINUTE, value: 4, threshold: 1, count: 4, sentence: `10.0.3.4 talks to ${HOSTILE.label}`, q: "dstip == 10.9.9.9" },
];

export const POLICIES = [
  { id: "port_scan", name: "port_scan", severity: "high", enabled: true, q: "action == rejected && protocol == tcp", threshold: "distinct(dstport) >= 20", track_by: ["srcip"], description: "One source asks many ports in a short time.", hits: 2, evaluated: 3_730_137, ns_per_row: 4.2 },
  { id: "database_from_office", name: "database_from_office", severity: "medium", enabled: true, q: "label.src.role == office && dstport == 5432", track_by: ["srcip", "dstip"], description: "The office talks to a database.", hits: 0, evaluated: 3_730_137, ns_per_row: 3.1 },
  { id: "broken", name: "broken", severity: "low", enabled: false, q: "srcip in list.gone", track_by: [], description: "Traffic with listed addresses.", hits: 0, evaluated: 0, last_error: "the list `gone` was not found" },
];

export const PRESETS = [
  { name: "Rejected traffic", q: "action == rejected", doc: "What was refused, and by whom it was tried.", view: "hunt" },
  { name: "Interactive logins", q: "dstport == 22 && protocol == tcp", doc: "SSH in the range.", view: "flows" },
];
