//! The flow templates of one transport session: those of the host's flows from the start, others as their shapes come.

use super::{
    FIRST_TEMPLATE,
    template::{Shape, Template},
};

/// Templates for the host's flows: of both families, then of their folded rows.
pub const HOST_TEMPLATES: usize = 4;

/// Other shapes that get a template. Beyond them, batches are written with all fields of which 0 says that they are not told,
/// whatever they tell.
const MOST_SHAPES: usize = 256;
/// Shapes of these two kinds. Beyond them, batches are written with all fields that there are.
const MOST_FULL: usize = 1024;

/// Identifier of the first template for another shape, behind those of options.
const FIRST_OTHER: u16 = FIRST_TEMPLATE + 32;

/// Templates, numbered from 0 in the order in which they came.
pub struct FlowTemplates(Vec<Template>);

impl FlowTemplates {
    /// The host's.
    pub fn new() -> Self {
        let (v4, v6) = (Shape::host(false), Shape::host(true));
        let shapes = [v4, v6, v4.folded(), v6.folded()];
        let ids = FIRST_TEMPLATE..;
        Self(ids.zip(shapes).map(|(id, shape)| Template::new(id, shape)).collect())
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The template with this number, which is below [`Self::count`].
    pub fn get(&self, number: usize) -> &Template {
        &self.0[number]
    }

    /// The number of the template for `shape`, a new one where it has none yet.
    pub fn number_of(&mut self, shape: Shape) -> usize {
        let known = |shape| self.0.iter().position(|template| template.shape == shape);
        if let Some(number) = known(shape) {
            return number;
        }
        let others = self.count() - HOST_TEMPLATES;
        let shape = match others {
            ..MOST_SHAPES => shape,
            MOST_SHAPES..MOST_FULL => shape.full(),
            _ => shape.fullest(),
        };
        known(shape).unwrap_or_else(|| {
            self.0.push(Template::new(FIRST_OTHER + others as u16, shape));
            self.count() - 1
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sensor_core::flow::{
        batch::{FlowBatch, Source},
        columns::Column,
    };

    #[test]
    fn shapes_without_end_share_the_full_templates() {
        let mut templates = FlowTemplates::new();
        let mut numbers = Vec::new();
        for bits in 0..65_536_u32 {
            let mut batch = FlowBatch::v6(Source::NetFlow);
            let is = |bit: u32| if bits >> bit & 1 != 0 { vec![1] } else { Vec::new() };
            batch.source_as = is(0);
            batch.destination_as = is(1);
            batch.input_vrf = is(2);
            batch.output_vrf = is(3);
            batch.sample_rate = is(4);
            batch.output_interface = is(5);
            batch.interface = is(6);
            batch.next_hop_v4 = is(7);
            batch.application = is(8).into_iter().map(u128::from).collect();
            batch.layer2_octets = is(9).into_iter().map(u64::from).collect();
            batch.action = is(10).into_iter().map(|action| action as u8).collect();
            batch.ttl_min = is(11).into_iter().map(|ttl| ttl as u8).collect();
            for (bit, column) in
                (12..).zip([Column::SourcePort, Column::Tos, Column::Packets, Column::Start])
            {
                batch.untold |= if bits >> bit & 1 != 0 { column.bit() } else { 0 };
            }
            numbers.push(templates.number_of(super::super::template::shape(&batch)));
        }
        assert_eq!(templates.count(), HOST_TEMPLATES + MOST_FULL + 1);
        let ids: std::collections::HashSet<_> =
            (0..templates.count()).map(|number| templates.get(number).id).collect();
        assert_eq!(ids.len(), templates.count());
        assert_eq!(numbers[65_535], HOST_TEMPLATES + MOST_FULL);
    }
}
