//! Profiles of addresses by the virtual network that saw a flow.

use std::{net::IpAddr, sync::Arc};

use super::context::Context;
use crate::flow::{
    batch::{Addresses, FlowBatch},
    point::Points,
};

/// Finds the networks of observation points.
#[derive(Debug, Default)]
pub(super) struct PointNetworks {
    /// The table of points that the places are of.
    points: Option<Arc<Points>>,
    /// The network of each point, as far as they have been asked for.
    places: Vec<Option<usize>>,
}

impl PointNetworks {
    /// Forgets what a new context has made wrong.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Gives the addresses of a batch the profiles that they have in the networks of their flows; `find` says which profile an
    /// address has with a combination.
    pub(super) fn fill(
        &mut self,
        batch: &mut FlowBatch,
        context: &Context,
        mut find: impl FnMut(IpAddr, u32) -> u32,
    ) {
        let networks = context.networks();
        if networks.is_empty() || batch.observation_point.is_empty() {
            return;
        }
        let is_same = |points: &Arc<Points>| Arc::ptr_eq(points, &batch.points);
        if !self.points.as_ref().is_some_and(is_same) {
            *self = Self { points: Some(batch.points.clone()), places: Vec::new() };
        }
        let known = self.places.len() as u32;
        self.places.extend(batch.points.starting_at(known).map(|point| networks.of(point)));
        let FlowBatch { addresses, source_profile, destination_profile, .. } = batch;
        for (row, point) in batch.observation_point.iter().enumerate() {
            let Some(network) = self.places.get(*point as usize).copied().flatten() else {
                continue;
            };
            let ends: [IpAddr; 2] = match addresses {
                Addresses::V4 { source, destination } => {
                    [source[row], destination[row]].map(|address| address.to_be_bytes().into())
                }
                Addresses::V6 { source, destination } => {
                    [source[row], destination[row]].map(|address| address.to_be_bytes().into())
                }
            };
            for (address, profiles) in
                ends.into_iter().zip([&mut *source_profile, &mut *destination_profile])
            {
                if let Some(combination) = networks.combination(network, address) {
                    profiles[row] = find(address.to_canonical(), combination);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        enrich::{
            active::ActiveContext,
            combine::Precedence,
            context::Limits,
            enricher::Enricher,
            formats::Form,
            import::{Cloud, Printed, import},
            sources::Sources,
        },
        flow::{
            batch::Source,
            point::{ObservationPoint, PointAttribute},
            profile::Side,
        },
    };

    const INVENTORY: &str = r#"{"NetworkInterfaces": [
        {"PrivateIpAddress": "10.0.0.5", "VpcId": "vpc-1", "OwnerId": "1", "TagSet": [{"Key": "Name", "Value": "web"}]},
        {"PrivateIpAddress": "10.0.0.5", "VpcId": "vpc-2", "OwnerId": "2", "TagSet": [{"Key": "Name", "Value": "db"}]},
        {"PrivateIpAddress": "10.0.0.6", "VpcId": "vpc-2", "OwnerId": "2", "TagSet": [{"Key": "Name", "Value": "cache"}]},
        {"PrivateIpAddress": "10.9.0.1", "VpcId": "vpc-3", "OwnerId": "2", "TagSet": [{"Key": "Name", "Value": "mail"}]}],
        "Subnets": [{"CidrBlock": "10.0.0.0/24", "VpcId": "vpc-1", "OwnerId": "1", "SubnetId": "subnet-1"}]}"#;

    fn context(labels: &str) -> Context {
        let mut sources = Sources::default();
        assert_eq!(sources.labels("labels", labels, Form::Csv).faults, []);
        let inventory = import(Cloud::Aws, &[Printed::parse(INVENTORY).expect("JSON")]);
        inventory.state(&mut sources, "inventory");
        Context::new(sources, Precedence::MostSpecific, Limits::default())
    }

    /// What `label` of the two ends of a flow that was seen in this network.
    fn labels(
        context: Context,
        [account, network]: [&str; 2],
        ends: [[u8; 4]; 2],
        label: &str,
    ) -> [String; 2] {
        let mut enricher = Enricher::new(Arc::new(ActiveContext::new(context)));
        let mut batch = FlowBatch::v4(Source::Aws);
        batch.packets.push(1);
        batch.level();
        if let Addresses::V4 { source, destination } = &mut batch.addresses {
            source.push(u32::from_be_bytes(ends[0]));
            destination.push(u32::from_be_bytes(ends[1]));
        }
        let points = Points::default();
        let mut point = ObservationPoint::default();
        point.set(PointAttribute::Account, account);
        point.set(PointAttribute::Vpc, network);
        batch.observation_point.push(points.intern(point));
        batch.points = Arc::new(points);
        enricher.enrich(&mut batch);
        [Side::Source, Side::Destination].map(|side| {
            let labels = &batch.profile(side, 0).labels;
            labels.get(label).map(|values| values.join(" ")).unwrap_or_default()
        })
    }

    #[test]
    fn the_network_of_a_flow_decides_whose_labels_an_address_gets() {
        let ends = [[10, 0, 0, 5], [10, 0, 0, 6]];
        for (point, label, expected) in [
            // The second lies in its subnet, so that it is not the one of the other network.
            (["1", "vpc-1"], "name", ["web", ""]),
            (["2", "VPC-2"], "name", ["db", "cache"]),
            (["", "vpc-2"], "vpc", ["vpc-2", "vpc-2"]),
            (["1", "vpc-1"], "subnet", ["subnet-1", "subnet-1"]),
            // Of its own addresses, and not of those in a subnet of another network.
            (["2", "vpc-2"], "subnet", ["", ""]),
            // Nobody knows the network: all that the address may be.
            (["", ""], "name", ["web db", "cache"]),
            (["1", "vpc-9"], "name", ["web db", "cache"]),
        ] {
            let found = labels(context(""), point, ends, label);
            assert_eq!(found, expected, "{point:?} {label}");
        }
    }

    #[test]
    fn other_sources_hold_in_every_network() {
        let file = "10.0.0.0/8,site,north\n10.0.0.5,name,own\n";
        let ends = [[10, 0, 0, 5], [10, 9, 0, 1]];
        assert_eq!(labels(context(file), ["1", "vpc-1"], ends, "name"), ["own web", "mail"]);
        assert_eq!(labels(context(file), ["1", "vpc-1"], ends, "site"), ["north", "north"]);
        assert_eq!(labels(context(file), ["2", "vpc-2"], ends, "site"), ["north", "north"]);
    }

    #[test]
    fn networks_that_share_nothing_need_no_tables() {
        let context = context("");
        assert_eq!(context.networks().count(), 2);
        assert_eq!(context.networks().of(&ObservationPoint::default()), None);
        let mut sources = Sources::default();
        let text = INVENTORY.replace("10.0.0.5", "10.7.0.5").replacen("10.7.0.5", "10.0.0.4", 1);
        let text = text.replace("10.0.0.6", "10.8.0.6");
        let inventory = import(Cloud::Aws, &[Printed::parse(&text).expect("JSON")]);
        inventory.state(&mut sources, "inventory");
        let context = Context::new(sources, Precedence::MostSpecific, Limits::default());
        assert!(context.networks().is_empty());
    }
}
