//! Files that import from each other in a circle cannot be understood, tested or moved one at a time.

use std::collections::BTreeMap;

use super::{
    File, Finding,
    imports::{self, Graph},
};

/// Sources in whose files no circle may be.
const ROOTS: [&str; 7] = [
    "sensor-common/src/",
    "sensor-ebpf/src/",
    "sensor/core/src/",
    "sensor/kernel/src/",
    "sensor/src/",
    "sensor/store/src/",
    "sensor/wire/src/",
];

/// A finding for each circle, at one of its files.
pub fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for root in ROOTS {
        let graph = imports::graph(files, root);
        for circle in circles(&graph) {
            let short = |index: usize| files[index].path.trim_start_matches(root);
            let mut arrows = Vec::new();
            for from in &circle {
                for (to, names) in graph[from].iter().filter(|(to, _)| circle.contains(to)) {
                    let names: Vec<&str> = names.iter().map(String::as_str).collect();
                    arrows.push(format!(
                        "{} -> {} ({})",
                        short(*from),
                        short(*to),
                        names.join(", ")
                    ));
                }
            }
            findings.push(Finding {
                path: files[circle[0]].path.clone(),
                line: 1,
                what: format!(
                    "{} files import from each other in a circle; move what they share to a file of its own:\n    {}",
                    circle.len(),
                    arrows.join("\n    ")
                ),
            });
        }
    }
    findings
}

/// The strongly connected components of more than one file (Tarjan's algorithm), each in ascending order.
fn circles(graph: &Graph) -> Vec<Vec<usize>> {
    let mut search = Search::new(graph);
    for file in graph.keys() {
        if !search.order.contains_key(file) {
            search.visit(*file);
        }
    }
    search.found.sort();
    search.found
}

struct Search<'g> {
    graph: &'g Graph,
    /// When a file was seen first.
    order: BTreeMap<usize, usize>,
    stack: Vec<usize>,
    found: Vec<Vec<usize>>,
}

impl<'g> Search<'g> {
    fn new(graph: &'g Graph) -> Self {
        Self { graph, order: BTreeMap::new(), stack: Vec::new(), found: Vec::new() }
    }

    /// The earliest file of the stack that `file` leads to.
    fn visit(&mut self, file: usize) -> usize {
        let order = self.order.len();
        self.order.insert(file, order);
        self.stack.push(file);
        let mut low = order;
        for to in self.graph.get(&file).into_iter().flat_map(BTreeMap::keys) {
            match self.order.get(to) {
                None => low = low.min(self.visit(*to)),
                Some(seen) if self.stack.contains(to) => low = low.min(*seen),
                Some(_) => {}
            }
        }
        if low == order {
            let start = self.stack.iter().position(|other| *other == file).unwrap_or_default();
            let mut circle = self.stack.split_off(start);
            if circle.len() > 1 {
                circle.sort_unstable();
                self.found.push(circle);
            }
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: format!("sensor/wire/src/{path}"), text: text.to_owned() }
    }

    #[test]
    fn a_circle_is_told_with_its_arrows() {
        let files = [
            file("a.rs", "use crate::b::B;\n"),
            file("b.rs", "use super::c::C;\n"),
            file("c.rs", "fn f(a: crate::a::A) {}\n"),
            file("d.rs", "use crate::a::A;\n"),
        ];
        let findings = check(&files);
        assert_eq!(findings.len(), 1, "{findings:?}");
        for arrow in ["a.rs -> b.rs (B)", "b.rs -> c.rs (C)", "c.rs -> a.rs (A)"] {
            assert!(findings[0].what.contains(arrow), "{}", findings[0]);
        }
        assert!(!findings[0].what.contains("d.rs"));
    }

    #[test]
    fn two_circles_are_two_findings_and_none_is_none() {
        let files = [
            file("a.rs", "use crate::b::B;\n"),
            file("b.rs", "use crate::a::A;\n"),
            file("c.rs", "use crate::{a::A, d::D};\n"),
            file("d.rs", "use crate::c::C;\n"),
        ];
        assert_eq!(check(&files).len(), 2);
        assert_eq!(check(&files[..1]), []);
    }
}
