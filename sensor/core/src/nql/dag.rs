//! Conditions of many queries as one graph, in which every condition occurs once.
//!
//! There are only conjunctions, tests and negation, and negation is a mark on the edge: `A || B` is `!(!A && !B)`. So
//! De Morgan's laws hold by construction, `!` costs nothing, and one set of rules simplifies both kinds of chain.
//! Equal nodes have one number, whichever query they come from.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

use super::{columns::Test, optimise};

/// A node, or its negation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Literal(u32);

impl Literal {
    /// Holds of every row.
    pub const TRUE: Self = Self(0);
    /// Holds of none.
    pub const FALSE: Self = Self(1);

    /// The constant.
    pub fn constant(value: bool) -> Self {
        if value { Self::TRUE } else { Self::FALSE }
    }

    /// Node `node`, negated or not.
    pub fn new(node: usize, negated: bool) -> Self {
        // A query has at most some ten thousand terms; 2^31 nodes are out of reach of memory.
        Self(u32::try_from(node).unwrap_or(u32::MAX >> 1) << 1 | u32::from(negated))
    }

    /// Number of the node.
    #[inline(always)]
    pub fn node(self) -> usize {
        (self.0 >> 1) as usize
    }

    /// True when it says the opposite of its node.
    #[inline(always)]
    pub fn is_negated(self) -> bool {
        self.0 & 1 != 0
    }
}

impl std::ops::Not for Literal {
    type Output = Self;

    fn not(self) -> Self {
        Self(self.0 ^ 1)
    }
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Node {
    /// Holds of every row; node 0.
    True,
    /// A test of the row.
    Test(Test),
    /// All hold: at least two, sorted, none twice, none a conjunction itself.
    And(Box<[Literal]>),
}

/// Passes over a conjunction in which one operand may simplify another. Each costs time in proportion to its size.
const PASSES: usize = 3;

/// The graph. Operands have lower numbers than the nodes that use them.
#[derive(Debug)]
pub struct Dag {
    nodes: Vec<Node>,
    numbers: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

/// Nodes that there is room for from the start; enough for a long query.
const ROOM: usize = 56;

impl Default for Dag {
    fn default() -> Self {
        let mut nodes = Vec::with_capacity(ROOM);
        nodes.push(Node::True);
        Self {
            nodes,
            numbers: HashTable::with_capacity(ROOM),
            hasher: DefaultHashBuilder::default(),
        }
    }
}

impl Dag {
    /// The nodes; some may be left over from simplification.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The nodes, without the rest.
    pub fn into_nodes(self) -> Vec<Node> {
        self.nodes
    }

    /// The node of a literal.
    pub fn node(&self, literal: Literal) -> &Node {
        &self.nodes[literal.node()]
    }

    /// A test.
    pub fn test(&mut self, test: Test) -> Literal {
        test.constant().map_or_else(|| self.number(Node::Test(test)), Literal::constant)
    }

    /// At least one holds.
    pub fn or(&mut self, operands: impl IntoIterator<Item = Literal>) -> Literal {
        !self.and(operands.into_iter().map(|operand| !operand))
    }

    /// All hold.
    pub fn and(&mut self, operands: impl IntoIterator<Item = Literal>) -> Literal {
        let mut flat = Vec::new();
        for operand in operands {
            self.flatten(operand, &mut flat);
        }
        for _ in 0..PASSES {
            self.merge_tests(&mut flat);
            flat.sort_unstable();
            flat.dedup();
            if flat.windows(2).any(|pair| pair[0] == !pair[1]) {
                return Literal::FALSE;
            }
            if !self.propagate(&mut flat) {
                break;
            }
        }
        flat.sort_unstable();
        flat.dedup();
        match flat[..] {
            [] => Literal::TRUE,
            [only] => only,
            _ if flat.contains(&Literal::FALSE) => Literal::FALSE,
            _ => self.number(Node::And(flat.into())),
        }
    }

    /// Appends an operand of a conjunction, or its own operands where it is one.
    fn flatten(&self, operand: Literal, flat: &mut Vec<Literal>) {
        match self.node(operand) {
            Node::True if !operand.is_negated() => {}
            Node::And(inner) if !operand.is_negated() => flat.extend_from_slice(inner),
            _ => flat.push(operand),
        }
    }

    /// Makes one of tests that ask about one subject.
    fn merge_tests(&mut self, flat: &mut Vec<Literal>) {
        let mut keyed: Vec<(u64, Literal)> = flat
            .iter()
            .filter_map(|&literal| match self.node(literal) {
                Node::Test(test) => {
                    optimise::merge_key(test, &self.hasher).map(|key| (key, literal))
                }
                _ => None,
            })
            .collect();
        if keyed.len() < 2 {
            return;
        }
        keyed.sort_unstable();
        for group in keyed.chunk_by(|left, right| left.0 == right.0) {
            let tests: Vec<(&Test, bool)> = group
                .iter()
                .filter_map(|(_, literal)| match self.node(*literal) {
                    Node::Test(test) => Some((test, literal.is_negated())),
                    _ => None,
                })
                .collect();
            if tests.iter().all(|(test, _)| optimise::mergeable(tests[0].0, test))
                && let Some(merged) = optimise::conjunction(&tests)
            {
                flat.retain(|literal| !group.iter().any(|(_, old)| old == literal));
                for (test, negated) in merged {
                    let literal = self.test(test);
                    self.flatten(if negated { !literal } else { literal }, flat);
                }
            }
        }
    }

    /// Simplifies the disjunctions among the operands (sorted) by what the others say: `A && (!A || B)` is `A && B`, and
    /// `A && (A || B)` is `A`. True when something changed.
    fn propagate(&mut self, flat: &mut Vec<Literal>) -> bool {
        let mut changed = false;
        let known = flat.clone();
        flat.clear();
        for &operand in &known {
            let inner = match self.node(operand) {
                Node::And(inner) if operand.is_negated() => inner,
                _ => {
                    flat.push(operand);
                    continue;
                }
            };
            let holds = |literal: Literal| known.binary_search(&literal).is_ok();
            if inner.iter().any(|&literal| holds(!literal)) {
                changed = true;
            } else if inner.iter().any(|&literal| holds(literal)) {
                let rest: Vec<_> =
                    inner.iter().copied().filter(|&literal| !holds(literal)).collect();
                let rest = !self.and(rest);
                self.flatten(rest, flat);
                changed = true;
            } else {
                flat.push(operand);
            }
        }
        changed
    }

    fn number(&mut self, node: Node) -> Literal {
        let hash = self.hasher.hash_one(&node);
        let found = self.numbers.find(hash, |&number| self.nodes[number as usize] == node);
        if let Some(&number) = found {
            return Literal::new(number as usize, false);
        }
        let literal = Literal::new(self.nodes.len(), false);
        self.nodes.push(node);
        let (nodes, hasher) = (&self.nodes, &self.hasher);
        self.numbers.insert_unique(hash, literal.0 >> 1, |&number| {
            hasher.hash_one(&nodes[number as usize])
        });
        literal
    }
}
