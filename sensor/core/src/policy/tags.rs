//! Flow tags: a condition, and the name that flows get which fulfil it.
//!
//! All conditions are asked of a flow as it came, so that none depends on the order of the rules; the tags of its device
//! count, those of other rules do not. Policies then see all of them. Flows get few combinations of tags: each is a set
//! with a number, and from set to set leads a table of steps, so that nothing is allocated for a flow.

use std::{collections::HashMap, slice, sync::Arc};

use crate::{
    flow::{
        batch::FlowBatch, interfaces::Interfaces, ports::PortLabels, profile::Profiles,
        tags::TagSets,
    },
    nql::{
        columns::{Program, Scratch},
        typed::Typed,
    },
};

/// A rule.
#[derive(Clone, Debug, PartialEq)]
pub struct TagRule {
    /// The tag.
    pub name: String,
    /// Which flows get it.
    pub query: Typed,
}

/// Tags batches by rules.
pub struct Tagger {
    rules: Arc<[TagRule]>,
    program: Program,
    scratch: Scratch,
    sets: Arc<TagSets>,
    /// From a set, by a rule, to the set with the tag of that rule.
    steps: HashMap<(u32, usize), u32>,
    /// The sets of the devices' tags, by place in the batch at hand.
    devices: Vec<u32>,
}

impl Tagger {
    /// A tagger with these rules.
    pub fn new(rules: impl Into<Arc<[TagRule]>>) -> Self {
        let rules = rules.into();
        Self {
            program: Program::compile(rules.iter().map(|rule| &rule.query)),
            rules,
            scratch: Scratch::default(),
            sets: Arc::default(),
            steps: HashMap::new(),
            devices: Vec::new(),
        }
    }

    /// The rules.
    pub fn rules(&self) -> &Arc<[TagRule]> {
        &self.rules
    }

    /// Decides beforehand what hangs on these profiles and labels.
    pub fn precompute(&mut self, profiles: &Arc<Profiles>, labels: &Arc<PortLabels>) {
        self.program.precompute(profiles, labels, &mut self.scratch);
    }

    /// Fills the column of tags.
    pub fn tag(&mut self, batch: &mut FlowBatch, interfaces: &Interfaces) {
        if self.rules.is_empty() {
            return;
        }
        let mut tags = std::mem::take(&mut batch.tags);
        tags.clear();
        tags.resize(batch.len(), 0);
        self.devices.clear();
        for device in &batch.devices {
            let own = device.tags.iter().map(String::as_str);
            self.devices.push(Arc::make_mut(&mut self.sets).intern(own));
        }
        let Self { rules, program, scratch, sets, steps, devices } = self;
        program.evaluate(batch, interfaces, scratch, |found| {
            for row in found.rows.rows().map(|row| found.first + row) {
                let own = match tags[row] {
                    0 => {
                        let device = batch.device.get(row);
                        device.and_then(|&at| devices.get(at as usize)).copied().unwrap_or(0)
                    }
                    set => set,
                };
                tags[row] = *steps.entry((own, found.query)).or_insert_with(|| {
                    Arc::make_mut(sets).with(own, slice::from_ref(&rules[found.query].name))
                });
            }
        });
        batch.tags = tags;
        if !Arc::ptr_eq(&batch.tag_sets, sets) {
            batch.tag_sets = sets.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use sensor_common::key::{Common, KeyV4};

    use super::*;
    use crate::{
        flow::{
            batch::{EndReason, Source},
            device::Device,
            fields::{self, Row, Value},
            source::SourceId,
            testing,
        },
        nql::{Filter, Options, lists::Lists},
    };

    fn rule(name: &str, query: &str) -> TagRule {
        let filter = Filter::compile(query, &Options::new(&Lists::default())).expect(query);
        TagRule { name: name.to_owned(), query: filter.typed }
    }

    fn batch_of(ports: &[u16]) -> FlowBatch {
        let mut batch = FlowBatch::v4(Source::NetFlow);
        let (key, counts) = testing::counts(1, 0, 0, 100);
        for &port in ports {
            let common = Common { destination_port: port, ..key.common };
            batch.push(&KeyV4 { common, ..key }, &counts, EndReason::EndOfFlow);
        }
        batch
    }

    fn tags(batch: &FlowBatch, row: usize) -> Vec<String> {
        let field = fields::find("tags").expect("flows have tags");
        match field.value(Row { batch, row, interfaces: &Interfaces::default() }) {
            Value::Texts(tags) => tags.to_vec(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn flows_get_the_tags_whose_conditions_they_fulfil() {
        let rules = [
            rule("web", "dstport == 80 || dstport == 443"),
            rule("low", "dstport < 1024"),
            rule("edge-web", "tags == edge && dstport == 443"),
            rule("never", "tags == web"),
        ];
        let mut tagger = Tagger::new(rules);
        let mut batch = batch_of(&[443, 22, 8080]);
        tagger.tag(&mut batch, &Interfaces::default());
        assert_eq!(tags(&batch, 0), ["low", "web"]);
        assert_eq!(tags(&batch, 1), ["low"]);
        assert_eq!(tags(&batch, 2), [""; 0]);

        let device =
            Device { tags: vec!["edge".to_owned()], ..Device::new(IpAddr::from([192, 0, 2, 1])) };
        batch.devices = vec![Arc::new(device)];
        batch.device = vec![0; 3];
        batch.tags.clear();
        tagger.tag(&mut batch, &Interfaces::default());
        assert_eq!(tags(&batch, 0), ["edge", "edge-web", "low", "web"]);
        assert_eq!(tags(&batch, 1), ["edge", "low"]);
        assert_eq!(tags(&batch, 2), ["edge"]);
        // What was learned of sets is kept, and another batch has no device.
        let sets = batch.tag_sets.clone();
        let mut other = batch_of(&[443]);
        tagger.tag(&mut other, &Interfaces::default());
        assert_eq!(tags(&other, 0), ["low", "web"]);
        assert!(Arc::ptr_eq(&sets, &other.tag_sets));
    }

    #[test]
    fn a_source_without_an_address_is_tagged_by_its_name() {
        let file = SourceId::File("flows.csv".to_owned());
        let mut batch = batch_of(&[443]);
        batch.devices =
            vec![Arc::new(Device { tags: vec!["imported".to_owned()], ..Device::of(file) })];
        batch.device = vec![0];
        Tagger::new([rule("archive", "flowsrcname == \"flows.csv\"")])
            .tag(&mut batch, &Interfaces::default());
        assert_eq!(tags(&batch, 0), ["archive", "imported"]);
    }
}
