//! From queries to steps: the graph without what simplification left over, its tests ready for columns, the operands of
//! each conjunction in the order in which they settle most for least.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{
    estimate::{self, Estimate},
    instructions::Instructions,
    kernel::Kernel,
    lower::lower,
    number::Cost,
    ports::{self, PortClasses},
    prepared::{LateTarget, Plan},
    profiles,
    test::Test,
};
use crate::{
    flow::{batch::FlowBatch, columns::Column, fields::Quantity},
    nql::{
        dag::{Dag, Literal, Node},
        sets::IntegerSet,
        typed::Typed,
    },
};

/// Reads a column of ports.
type PortColumn = fn(&FlowBatch) -> &[u16];

/// Some queries, ready for batches of flows.
pub struct Program {
    pub(super) identity: u64,
    pub(super) instructions: Instructions,
    /// Operands come before the steps that use them. Step 0 is the constant.
    pub(super) steps: Vec<Step>,
    /// What conjunctions and tests refer to.
    pub(super) operands: Vec<Literal>,
    pub(super) kernels: Vec<Kernel>,
    /// What each kernel asks for that a batch may not tell: [`Test::untellable`].
    pub(super) untellable: Vec<u128>,
    /// What is known of each step.
    pub(super) notes: Vec<Note>,
    /// One for each query.
    pub(super) roots: Vec<Literal>,
    pub(super) plan: Plan,
    pub(super) port_classes: Vec<(Column, PortColumn, PortClasses)>,
    /// There are so many predicates about addresses that profiles are classed.
    classed: bool,
}

/// A guess about a query.
#[derive(Clone, Copy, Debug)]
pub struct Guess {
    /// Nanoseconds that it takes for a row.
    pub cost: f64,
    /// The share of rows that fulfil it.
    pub share: f64,
}

/// One node of the graph. Every chunk passes all of them, so they are small.
pub(super) struct Step {
    pub(super) kind: Kind,
    /// Used more than once.
    pub(super) shared: bool,
    /// Rows below which single rows are tested instead of the column.
    pub(super) sparse_below: u32,
}

#[derive(Clone, Copy)]
pub(super) enum Kind {
    True,
    Test {
        /// Place of the kernel.
        kernel: u32,
        /// The port classes that decide it together with others.
        classes: Option<u8>,
    },
    /// Places of the operands.
    And {
        first: u32,
        end: u32,
    },
}

/// What is known of a step that its evaluation does not need.
pub(super) struct Note {
    pub(super) estimate: Estimate,
    /// As it was in the graph, for people.
    pub(super) test: Option<Test>,
}

impl Program {
    /// Compiles queries; they keep their numbers.
    pub fn compile<'a>(queries: impl IntoIterator<Item = &'a Typed>) -> Self {
        let mut dag = Dag::default();
        let roots: Vec<_> = queries.into_iter().map(|query| lower(&mut dag, query)).collect();
        Self::from_graph(dag, &roots)
    }

    /// Uses these instructions instead of the best.
    #[must_use]
    pub fn with_instructions(mut self, instructions: Instructions) -> Self {
        self.instructions = instructions;
        self
    }

    /// Number of queries.
    pub fn queries(&self) -> usize {
        self.roots.len()
    }

    /// Number of distinct conditions and conjunctions.
    pub fn steps(&self) -> usize {
        self.steps.len()
    }

    /// A guess about a query, by itself.
    pub fn guess(&self, query: usize) -> Guess {
        let root = self.roots[query];
        let Estimate { cost, probability } = self.notes[root.node()].estimate.signed(root);
        Guess { cost, share: probability }
    }

    fn from_graph(dag: Dag, roots: &[Literal]) -> Self {
        static IDENTITY: AtomicU64 = AtomicU64::new(1);
        let uses = uses(&dag, roots);
        let mut numbers = vec![0; dag.nodes().len()];
        let renumbered = |numbers: &[usize], literal: Literal| {
            Literal::new(numbers[literal.node()], literal.is_negated())
        };
        let about_profiles = dag
            .nodes()
            .iter()
            .zip(&uses)
            .filter(|(node, uses)| **uses > 0 && matches!(node, Node::Test(Test::Profile(..))));
        let mut program = Self {
            identity: IDENTITY.fetch_add(1, Ordering::Relaxed),
            instructions: Instructions::best(),
            steps: Vec::new(),
            operands: Vec::new(),
            kernels: Vec::new(),
            untellable: Vec::new(),
            notes: Vec::new(),
            roots: Vec::new(),
            plan: Plan::default(),
            port_classes: Vec::new(),
            classed: about_profiles.count() >= profiles::FEWEST_PREDICATES,
        };
        let grouped = program.group_ports(&dag, &uses, &mut numbers);
        for (number, node) in dag.into_nodes().into_iter().enumerate() {
            if uses[number] == 0 && number != 0 {
                continue;
            }
            numbers[number] = program.steps.len();
            let (step, note) = match node {
                Node::True => (
                    Step { kind: Kind::True, shared: false, sparse_below: 0 },
                    Note { estimate: Estimate { cost: 0.0, probability: 1.0 }, test: None },
                ),
                Node::Test(test) => program.test(test, uses[number], grouped[number]),
                Node::And(operands) => {
                    let operands =
                        operands.iter().map(|&operand| renumbered(&numbers, operand)).collect();
                    program.conjunction(operands, uses[number])
                }
            };
            program.steps.push(step);
            program.notes.push(note);
        }
        program.roots = roots.iter().map(|&root| renumbered(&numbers, root)).collect();
        program
    }

    fn conjunction(&mut self, mut operands: Vec<Literal>, uses: u32) -> (Step, Note) {
        let of = |literal: Literal| self.notes[literal.node()].estimate.signed(literal);
        operands.sort_by(|&left, &right| of(left).rank().total_cmp(&of(right).rank()));
        let estimate = estimate::conjunction(operands.iter().map(|&operand| of(operand)));
        let first = self.operands.len() as u32;
        self.operands.append(&mut operands);
        let kind = Kind::And { first, end: self.operands.len() as u32 };
        (
            Step { kind, shared: uses > 1, sparse_below: 0 },
            Note { estimate: estimate.shared_by(uses), test: None },
        )
    }

    fn test(&mut self, test: Test, uses: u32, classes: Option<u8>) -> (Step, Note) {
        let kernel = self.kernel(&test);
        let cost = match classes {
            Some(_) => Cost { in_block: 0.01, alone: f64::INFINITY },
            None if self.classed && matches!(kernel, Kernel::Profile(..)) => {
                Cost { in_block: 0.05, alone: 3.0 }
            }
            None => kernel.cost(),
        };
        let sparse_below = cost.sparse_below(uses);
        let estimate = Estimate { cost: cost.in_block, probability: estimate::probability(&test) };
        self.kernels.push(kernel);
        self.untellable.push(test.untellable());
        let kind = Kind::Test { kernel: (self.kernels.len() - 1) as u32, classes };
        (
            Step { kind, shared: uses > 1, sparse_below },
            Note { estimate: estimate.shared_by(uses), test: Some(test) },
        )
    }

    fn kernel(&mut self, test: &Test) -> Kernel {
        fn enter<T>(entries: &mut Vec<T>, entry: T) -> usize {
            entries.push(entry);
            entries.len() - 1
        }
        let plan = &mut self.plan;
        match test {
            Test::Number(column, set) => Kernel::number(*column, set),
            Test::Flags(flags) => Kernel::Flags(*flags),
            Test::Address(side, set) => Kernel::address(*side, set),
            Test::Profile(side, subject, predicate) => {
                let entry = (subject.clone(), predicate.clone());
                Kernel::Profile(*side, enter(&mut plan.profiles, entry))
            }
            Test::Batch(shape) => Kernel::Batch(enter(&mut plan.constants, shape.clone())),
            Test::ListedNumber(column, list, form) => {
                let target = LateTarget::List(*column, list.clone(), *form);
                Kernel::Late(enter(&mut plan.late, target))
            }
            Test::ListedAddress(side, list) => {
                let target = LateTarget::ListedAddress(*side, list.clone());
                Kernel::Late(enter(&mut plan.late, target))
            }
            Test::PortLabel(column, protocol, predicate) => {
                let target = LateTarget::PortLabel(*column, *protocol, predicate.clone());
                Kernel::Late(enter(&mut plan.late, target))
            }
            Test::Ports(comparison) => Kernel::Ports(*comparison),
            Test::SameAddress => Kernel::SameAddress,
            Test::OptionalAddress(column, set) => Kernel::optional_address(*column, set),
            Test::Told(by, query) => {
                plan.memos += 1;
                Kernel::Told(*by, plan.memos - 1, query.clone())
            }
            Test::Row(query) => Kernel::Row(query.clone()),
        }
    }

    /// Finds the sets of ports that are looked up together, and says for each node of the graph in which group it is.
    fn group_ports(&mut self, dag: &Dag, uses: &[u32], numbers: &mut [usize]) -> Vec<Option<u8>> {
        let mut grouped = vec![None; dag.nodes().len()];
        // The numbers that nodes will have as steps.
        let mut next = 0;
        for (number, uses) in numbers.iter_mut().zip(uses) {
            *number = next;
            next += usize::from(*uses > 0 || next == 0);
        }
        let columns: [(Column, PortColumn); 2] = [
            (Column::SourcePort, |batch| &batch.source_port),
            (Column::DestinationPort, |batch| &batch.destination_port),
        ];
        for (column, read) in columns {
            let sets: Vec<(usize, &IntegerSet)> = dag
                .nodes()
                .iter()
                .enumerate()
                .filter(|(number, _)| uses[*number] > 0)
                .filter_map(|(number, node)| match node {
                    Node::Test(Test::Number(own, set)) if *own == Quantity::Column(column) => {
                        Some((number, set))
                    }
                    _ => None,
                })
                .filter(|(_, set)| ports::is_small(set))
                .collect();
            let steps: Vec<_> = sets
                .iter()
                .filter_map(|&(number, set)| Some((u32::try_from(numbers[number]).ok()?, set)))
                .collect();
            let (Some(classes), Ok(group)) =
                (PortClasses::new(&steps), u8::try_from(self.port_classes.len()))
            else {
                continue;
            };
            self.port_classes.push((column, read, classes));
            for (number, _) in sets {
                grouped[number] = Some(group);
            }
        }
        grouped
    }
}

/// How often each node is used by queries and by nodes that are used.
fn uses(dag: &Dag, roots: &[Literal]) -> Vec<u32> {
    let mut uses = vec![0_u32; dag.nodes().len()];
    for root in roots {
        uses[root.node()] += 1;
    }
    for (number, node) in dag.nodes().iter().enumerate().rev() {
        if let Node::And(operands) = node
            && uses[number] > 0
        {
            for operand in operands {
                uses[operand.node()] += 1;
            }
        }
    }
    uses
}
