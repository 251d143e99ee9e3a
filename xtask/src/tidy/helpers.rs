//! What the eBPF programs may ask of the kernel.
//!
//! A program that counts packets must leave them as they are, and the kernel has many helpers that do not: they move
//! headers, unshare or linearise buffers, resize or redirect packets. So each helper that a program calls stands in a
//! table, with the reason why it does the packet no harm, and every other is refused: by name in the source, where a
//! reader sees it, and by number in the built object, where also those show that a library calls.

use super::{File, Finding, source};

/// A helper: its number in `enum bpf_func_id` (include/uapi/linux/bpf.h), its name, and why it is harmless.
const HELPERS: &[(u32, &str, &str)] = &[
    (1, "bpf_map_lookup_elem", "reads a map"),
    (8, "bpf_get_smp_processor_id", "reads the number of the CPU"),
    (12, "bpf_tail_call", "goes on with another of these programs"),
    (
        26,
        "bpf_skb_load_bytes",
        "copies octets out of a buffer by skb_header_pointer, which leaves it as it is",
    ),
    (68, "bpf_skb_load_bytes_relative", "as bpf_skb_load_bytes, counted from the network header"),
    (118, "bpf_jiffies64", "reads a clock"),
    (125, "bpf_ktime_get_boot_ns", "reads a clock"),
    (
        131,
        "bpf_ringbuf_reserve",
        "takes room in the ring of log lines (aya-log), which is no packet's",
    ),
    (132, "bpf_ringbuf_submit", "hands that room on"),
    (133, "bpf_ringbuf_discard", "gives that room back"),
    (188, "bpf_xdp_get_buff_len", "adds up the lengths of a frame's buffers"),
];

/// Methods of aya-ebpf that call a helper outside the table or write to the context, and what they do.
const WRAPPERS: &[(&str, &str)] = &[
    ("adjust_room", "bpf_skb_adjust_room"),
    ("cb_mut", "writes to the buffer"),
    ("change_proto", "bpf_skb_change_proto"),
    ("change_type", "bpf_skb_change_type"),
    ("clone_redirect", "bpf_clone_redirect"),
    ("get_socket_uid", "bpf_get_socket_uid"),
    ("insert", "bpf_map_update_elem"),
    ("l3_csum_replace", "bpf_l3_csum_replace"),
    ("l4_csum_replace", "bpf_l4_csum_replace"),
    ("pull_data", "bpf_skb_pull_data"),
    ("redirect", "bpf_redirect_map"),
    ("remove", "bpf_map_delete_elem"),
    ("set", "bpf_map_update_elem"),
    ("set_mark", "writes to the buffer"),
    ("skb_under_cgroup", "bpf_skb_under_cgroup"),
    ("store", "bpf_skb_store_bytes"),
];

/// Where the table is, for messages.
const TABLE: &str = "xtask/src/tidy/helpers.rs";

const SOURCES: &str = "sensor-ebpf/src/";

/// Reference programs and traffic generators, which the agent never loads.
const REFERENCES: &str = "sensor-ebpf/src/bin/bench.rs";

/// Calls in the source of a program that the table does not allow; nothing for other files.
pub fn check(file: &File) -> Vec<Finding> {
    if !file.path.starts_with(SOURCES) || file.path == REFERENCES {
        return Vec::new();
    }
    let code = source::code_only(&file.text);
    let mut findings = Vec::new();
    for (index, line) in code.lines().enumerate() {
        for fault in words(line).filter_map(|(at, word)| fault(line, at, word)) {
            findings.push(Finding { path: file.path.clone(), line: index + 1, what: fault });
        }
    }
    findings
}

/// What is wrong with the identifier `word` at `at` of `line`.
fn fault(line: &str, at: usize, word: &str) -> Option<String> {
    if word.starts_with("bpf_") {
        let allowed = HELPERS.iter().any(|(_, name, _)| *name == word);
        return (!allowed).then(|| refusal(&format!("`{word}`")));
    }
    let rest = line[at + word.len()..].trim_start();
    let called = line[..at].ends_with('.') && (rest.starts_with('(') || rest.starts_with("::<"));
    let (_, does) = WRAPPERS.iter().find(|(method, _)| called && *method == word)?;
    Some(refusal(&format!("`{word}` of aya ({does})")))
}

fn refusal(what: &str) -> String {
    format!(
        "{what} is not among what the programs may call; a program must leave packets as they are. If it does, add it \
         to {TABLE} with the reason"
    )
}

/// Identifiers of a line, and where they begin.
fn words(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    line.char_indices().filter(move |&(at, c)| inside(c) && !line[..at].ends_with(inside)).map(
        move |(at, _)| {
            let end = line[at..].find(|c| !inside(c)).map_or(line.len(), |end| at + end);
            (at, &line[at..end])
        },
    )
}

/// Faults of a built object of programs (ELF, 64 bit, little-endian): each helper that it calls outside the table, and
/// calls of kernel functions.
pub fn audit(object: &[u8]) -> Vec<String> {
    let Some(sections) = program_sections(object) else {
        return vec!["not an ELF object of eBPF programs".to_owned()];
    };
    let mut faults = Vec::new();
    for section in sections {
        let (instructions, _) = section.as_chunks::<8>();
        faults.extend(instructions.iter().filter_map(refused_call));
    }
    faults.sort();
    faults.dedup();
    faults
}

/// The fault of an instruction (RFC 9669): what it calls, where that is not allowed.
fn refused_call(&[opcode, registers, _, _, immediate @ ..]: &[u8; 8]) -> Option<String> {
    /// BPF_JMP | BPF_CALL.
    const CALL: u8 = 0x85;
    if opcode != CALL {
        return None;
    }
    let immediate = u32::from_le_bytes(immediate);
    match registers >> 4 {
        0 if HELPERS.iter().any(|(number, _, _)| *number == immediate) => None,
        0 => Some(refusal(&format!("helper {immediate} (enum bpf_func_id)"))),
        // BPF_PSEUDO_CALL: another function of the object.
        1 => None,
        _ => Some(refusal("a function of the kernel (kfunc)")),
    }
}

/// The sections of an ELF file that hold instructions.
fn program_sections(object: &[u8]) -> Option<Vec<&[u8]>> {
    const EXECUTABLE: u64 = 4;
    let half = |at: usize| Some(u16::from_le_bytes(*object.get(at..)?.first_chunk()?));
    let word = |at: usize| Some(u64::from_le_bytes(*object.get(at..)?.first_chunk()?));
    // ELFMAG, ELFCLASS64, ELFDATA2LSB.
    if !object.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let headers = usize::try_from(word(0x28)?).ok()?;
    let (size, count) = (usize::from(half(0x3a)?), usize::from(half(0x3c)?));
    let mut sections = Vec::new();
    for header in (0..count).map(|n| headers + n * size) {
        if word(header + 8)? & EXECUTABLE == 0 {
            continue;
        }
        let start = usize::try_from(word(header + 0x18)?).ok()?;
        let length = usize::try_from(word(header + 0x20)?).ok()?;
        sections.push(object.get(start..start.checked_add(length)?)?);
    }
    Some(sections)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_source(text: &str, expected: &[(usize, &str)]) {
        let file = File { path: format!("{SOURCES}hook.rs"), text: text.to_owned() };
        let found = check(&file);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (finding, (line, what)) in found.iter().zip(expected) {
            assert_eq!(finding.line, *line);
            assert!(finding.what.starts_with(&format!("`{what}`")), "{}", finding.what);
        }
    }

    #[test]
    fn helpers_of_the_table_pass() {
        check_source("let row = unsafe { bpf_jiffies64() };\nuse a::{bpf_skb_load_bytes};\n", &[]);
        check_source("context.load::<u32>(12); GEOMETRY.load(); map.get(0);\n", &[]);
    }

    #[test]
    fn other_helpers_are_refused_by_name() {
        check_source("use a::b::bpf_skb_pull_data;\n", &[(1, "bpf_skb_pull_data")]);
        check_source(
            "\nunsafe { bpf_redirect(1, 0); bpf_skb_change_head() }\n",
            &[(2, "bpf_redirect"), (2, "bpf_skb_change_head")],
        );
    }

    #[test]
    fn methods_that_call_helpers_are_refused() {
        for (method, _) in WRAPPERS {
            check_source(&format!("let _ = context.{method}(64);\n"), &[(1, method)]);
        }
        check_source("context.store::<u32>(0, &1, 0);\n", &[(1, "store")]);
        check_source("fn pull_data() {}\nself.remove = insert(3);\n", &[]);
    }

    #[test]
    fn text_and_references_are_not_programs() {
        check_source("// bpf_redirect\nconst A: &str = \"bpf_redirect\";\n", &[]);
        let text = "bpf_redirect(0, 0)\n".to_owned();
        assert_eq!(check(&File { path: REFERENCES.to_owned(), text: text.clone() }), []);
        assert_eq!(check(&File { path: "sensor/src/kernel/sys.rs".to_owned(), text }), []);
    }

    /// An object with one section of instructions and one of data, both with the same content.
    fn object(instructions: &[[u8; 8]]) -> Vec<u8> {
        let content = instructions.concat();
        let mut object = b"\x7fELF\x02\x01".to_vec();
        object.resize(64, 0);
        object[0x28..0x30].copy_from_slice(&64_u64.to_le_bytes());
        object[0x3a..0x3e].copy_from_slice(&[64, 0, 2, 0]);
        for flags in [4_u64, 0] {
            let mut header = [0; 64];
            header[8..16].copy_from_slice(&flags.to_le_bytes());
            header[0x18..0x20].copy_from_slice(&192_u64.to_le_bytes());
            header[0x20..0x28].copy_from_slice(&(content.len() as u64).to_le_bytes());
            object.extend(header);
        }
        object.extend(content);
        object
    }

    #[test]
    fn an_object_is_held_to_the_table_by_numbers() {
        let call = |registers, number| [0x85, registers, 0, 0, number, 0, 0, 0];
        let allowed: Vec<_> = HELPERS.iter().map(|(number, ..)| call(0, *number as u8)).collect();
        assert_eq!(audit(&object(&allowed)), [] as [String; 0]);
        // Another function of the object, at any distance; and no call at all.
        assert_eq!(
            audit(&object(&[call(0x10, 39), [0xb7, 0, 0, 0, 39, 0, 0, 0]])),
            [] as [String; 0]
        );
        let faults = audit(&object(&[call(0, 39), call(0, 39), call(0x20, 5)]));
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].starts_with("a function of the kernel"), "{}", faults[0]);
        assert!(faults[1].starts_with("helper 39 "), "{}", faults[1]);
    }

    #[test]
    fn what_is_no_object_is_a_fault() {
        assert_eq!(audit(b"").len(), 1);
        let whole = object(&[[0; 8]]);
        assert_eq!(audit(&whole[..whole.len() - 1]).len(), 1);
    }
}
