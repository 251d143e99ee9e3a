//! Which field stands where in the lines of an AWS flow log: by the line that names them, by configuration, or by default.
//!
//! The first value, `version`, does not tell: real files have fields of version 7 under `5`.

use super::{super::text::find, ocsf};

/// What is known of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Known {
    /// `version`
    Version,
    /// `account-id`
    Account,
    /// `interface-id`, or `tgw-attachment-id`
    Interface,
    /// `srcaddr`
    Source,
    /// `dstaddr`
    Destination,
    /// `srcport`
    SourcePort,
    /// `dstport`
    DestinationPort,
    /// `protocol`
    Protocol,
    /// `packets`
    Packets,
    /// `bytes`
    Bytes,
    /// `start`
    Start,
    /// `end`
    End,
    /// `action`
    Action,
    /// `log-status`
    Status,
    /// `vpc-id`
    Vpc,
    /// `subnet-id`
    Subnet,
    /// `instance-id`
    Instance,
    /// `tcp-flags`
    TcpFlags,
    /// `type`
    Type,
    /// `pkt-srcaddr`
    PacketSource,
    /// `pkt-dstaddr`
    PacketDestination,
    /// `region`
    Region,
    /// `az-id`
    Zone,
    /// `sublocation-id`
    Sublocation,
    /// `flow-direction`
    Direction,
    /// `traffic-path`
    TrafficPath,
    /// `reject-reason`
    RejectReason,
    /// `resource-id`
    Resource,
    /// `encryption-status`
    Encryption,
    /// `tgw-src-vpc-id`
    SourceVpc,
    /// `tgw-dst-vpc-id`
    DestinationVpc,
    /// `tgw-src-subnet-id`
    SourceSubnet,
    /// `tgw-dst-subnet-id`
    DestinationSubnet,
    /// `tgw-src-az-id`
    SourceZone,
    /// `tgw-dst-az-id`
    DestinationZone,
    /// `packets-lost-no-route`
    LostNoRoute,
    /// `packets-lost-blackhole`
    LostBlackhole,
    /// `packets-lost-mtu-exceeded`
    LostMtu,
    /// `packets-lost-ttl-expired`
    LostTtl,
    /// `pkt-src-aws-service`
    SourceService,
    /// `pkt-dst-aws-service`
    DestinationService,
    /// `ecs-cluster-name`
    Cluster,
    /// `ecs-service-name`
    Service,
    /// `ecs-task-id`
    Task,
    /// `instance-tag`
    InstanceTag,
    /// `instance-tag-2`
    InstanceTag2,
    /// `interface-tag`
    InterfaceTag,
    /// `interface-tag-2`
    InterfaceTag2,
    /// `asg-tag`
    AsgTag,
    /// `asg-tag-2`
    AsgTag2,
    /// `interface-type`
    InterfaceType,
    /// A field that says nothing that flows do not have otherwise, or that has no field of its own yet.
    Other,
}

/// Fields whose values are numbers: the others are text, even where they have digits alone, as accounts.
const NUMBERS: [Known; 14] = [
    Version,
    SourcePort,
    DestinationPort,
    Protocol,
    Packets,
    Bytes,
    Start,
    End,
    TcpFlags,
    TrafficPath,
    LostNoRoute,
    LostBlackhole,
    LostMtu,
    LostTtl,
];

/// How many [`Known`] have a place of their own in a record.
pub const PLACES: usize = Other as usize;

use Known::*;

/// Names of fields as AWS writes them, without hyphens.
#[rustfmt::skip]
const NAMES: &[(&str, Known)] = &[
    ("version", Version), ("accountid", Account), ("interfaceid", Interface), ("srcaddr", Source), ("dstaddr", Destination),
    ("srcport", SourcePort), ("dstport", DestinationPort), ("protocol", Protocol), ("packets", Packets), ("bytes", Bytes),
    ("start", Start), ("end", End), ("action", Action), ("logstatus", Status),
    ("vpcid", Vpc), ("subnetid", Subnet), ("instanceid", Instance), ("tcpflags", TcpFlags), ("type", Type),
    ("pktsrcaddr", PacketSource), ("pktdstaddr", PacketDestination),
    ("region", Region), ("azid", Zone), ("sublocationtype", Other), ("sublocationid", Sublocation),
    ("pktsrcawsservice", SourceService), ("pktdstawsservice", DestinationService), ("flowdirection", Direction), ("trafficpath", TrafficPath),
    ("ecsclusterarn", Other), ("ecsclustername", Cluster), ("ecscontainerinstancearn", Other), ("ecscontainerinstanceid", Other),
    ("ecscontainerid", Other), ("ecssecondcontainerid", Other), ("ecsservicename", Service), ("ecstaskdefinitionarn", Other),
    ("ecstaskarn", Other), ("ecstaskid", Task),
    ("rejectreason", RejectReason), ("resourceid", Resource), ("encryptionstatus", Encryption),
    ("instancetag", InstanceTag), ("instancetag2", InstanceTag2), ("interfacetag", InterfaceTag), ("interfacetag2", InterfaceTag2), ("asgtag", AsgTag),
    ("asgtag2", AsgTag2), ("interfacetype", InterfaceType), ("nexthopinterfaceid", Other), ("nexthopsubnetid", Other),
    ("nexthopazid", Other), ("nexthopvpcid", Other), ("nexthopinterfacetype", Other),
    ("resourcetype", Other), ("tgwid", Other), ("tgwattachmentid", Interface), ("tgwsrcvpcaccountid", Other),
    ("tgwdstvpcaccountid", Other), ("tgwsrcvpcid", SourceVpc), ("tgwdstvpcid", DestinationVpc),
    ("tgwsrcsubnetid", SourceSubnet), ("tgwdstsubnetid", DestinationSubnet), ("tgwsrceni", Other), ("tgwdsteni", Other),
    ("tgwsrcazid", SourceZone), ("tgwdstazid", DestinationZone), ("tgwpairattachmentid", Other),
    ("packetslostnoroute", LostNoRoute), ("packetslostblackhole", LostBlackhole),
    ("packetslostmtuexceeded", LostMtu), ("packetslostttlexpired", LostTtl),
];

/// The fields of version 2, in the order of the default layout.
const DEFAULT: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status";

/// The default layout of transit gateways.
const GATEWAY: &str = "version resource-type account-id tgw-id tgw-attachment-id tgw-src-vpc-account-id tgw-dst-vpc-account-id \
tgw-src-vpc-id tgw-dst-vpc-id tgw-src-subnet-id tgw-dst-subnet-id tgw-src-eni tgw-dst-eni tgw-src-az-id tgw-dst-az-id \
tgw-pair-attachment-id srcaddr dstaddr srcport dstport protocol packets bytes start end log-status type \
packets-lost-no-route packets-lost-blackhole packets-lost-mtu-exceeded packets-lost-ttl-expired tcp-flags region \
flow-direction pkt-src-aws-service pkt-dst-aws-service";

/// Fields of the widest layout that is read: AWS has less than a third of them.
pub const MOST: usize = 256;

/// A layout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// The place in a record of each value, or that of an unknown field: [`PLACES`] and its number in `unknown`.
    places: Vec<u16>,
    /// Names of unknown fields.
    unknown: Vec<String>,
    /// What flows cannot be without and this layout lacks.
    lacks: Option<&'static str>,
    /// Some fields become labels.
    labels: bool,
}

impl Layout {
    /// The layout that a configured list of fields says, separated by spaces, with or without `${}`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let layout = Self::of_names(text.split_ascii_whitespace())?;
        match layout.lacks {
            Some(lacking) => Err(format!("the layout has no {lacking}")),
            None => Ok(layout),
        }
    }

    /// The layout that a line of names says; none where the line is something else.
    pub fn of_heading(line: &[u8]) -> Option<Self> {
        let end = find(line, b' ').unwrap_or(line.len());
        known(std::str::from_utf8(&line[..end]).ok()?)?;
        let names = std::str::from_utf8(line).ok()?;
        // A value may happen to be the name of a field; no line of values has more of them than others.
        let names: Vec<&str> = names.split_ascii_whitespace().collect();
        let know = names.iter().filter(|name| known(name).is_some()).count();
        (2 * know > names.len()).then(|| Self::of_names(names.into_iter()).ok())?
    }

    /// The default layout that a line of values has; none where it has none.
    pub fn of_record(line: &[u8]) -> Option<Self> {
        let mut values = line.split(|octet| *octet == b' ').filter(|value| !value.is_empty());
        let (version, second) = (values.next()?, values.next()?);
        let count = 2 + values.count();
        let is_gateway = version == b"6" && second == b"TransitGateway";
        let names = match count {
            14 if version == b"2" => DEFAULT,
            36 if is_gateway => GATEWAY,
            _ => return None,
        };
        Self::of_names(names.split_ascii_whitespace()).ok()
    }

    /// The layout of a record whose fields are called so.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of_names<'a>(names: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let mut layout = Self::default();
        for name in names {
            let known = known(name);
            if let Some(known) = known.filter(|known| *known != Other)
                && layout.places.contains(&(known as u16))
            {
                return Err(format!("the field `{name}` twice"));
            }
            layout.add(known, name)?;
        }
        layout.judge();
        Ok(layout)
    }

    /// The layout of a record whose fields lie within others and are called as in OCSF. Several may say the same.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of_ocsf<'a>(names: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let mut layout = Self::default();
        for name in names {
            // What OCSF has no name for keeps its own.
            let flat = name.strip_prefix("unmapped.").unwrap_or(name);
            let known = ocsf::known(name).or_else(|| known(flat));
            layout.add(known.or(ocsf::is_beside(name).then_some(Other)), flat)?;
        }
        layout.judge();
        Ok(layout)
    }

    /// One more field.
    fn add(&mut self, known: Option<Known>, name: &str) -> Result<(), String> {
        if self.places.len() == MOST {
            return Err(format!("more than {MOST} fields"));
        }
        self.places.push(match known {
            Some(known) => known as u16,
            None => {
                let shown = name.chars().filter(|character| !character.is_control()).take(64);
                self.unknown.push(shown.collect());
                (PLACES + self.unknown.len()) as u16
            }
        });
        Ok(())
    }

    /// Sees what is there.
    fn judge(&mut self) {
        let has = |known: Known| self.places.contains(&(known as u16));
        let is_label = |place: &u16| (SourceService as u16..OTHER).contains(place);
        self.labels = !self.unknown.is_empty() || self.places.iter().any(is_label);
        self.lacks = [
            (has(Source) || has(PacketSource), "`srcaddr`"),
            (has(Destination) || has(PacketDestination), "`dstaddr`"),
            (has(Protocol), "`protocol`"),
            (has(Start) || has(End), "`start` and no `end`"),
        ]
        .into_iter()
        .find_map(|(is_there, name)| (!is_there).then_some(name));
    }

    /// What flows cannot be without and this layout lacks.
    pub fn lacks(&self) -> Option<&'static str> {
        self.lacks
    }

    /// Whether some fields become labels.
    pub fn has_labels(&self) -> bool {
        self.labels
    }

    /// Names of unknown fields.
    pub fn unknown(&self) -> &[String] {
        &self.unknown
    }

    /// What each value is.
    pub fn fields(&self) -> impl Iterator<Item = Field> {
        self.places.iter().map(|place| match usize::from(*place).checked_sub(PLACES + 1) {
            Some(number) => Field::Unknown(number),
            None if *place == OTHER => Field::Other,
            None => Field::Known(usize::from(*place)),
        })
    }

    /// Takes a line apart: the values by what they are, `-` as nothing. Calls `unknown` with the number of each unknown field
    /// that has a value, and that.
    ///
    /// # Errors
    /// False where there are more or fewer values than fields.
    #[inline(always)]
    pub fn values<'l>(
        &self,
        line: &'l [u8],
        values: &mut [&'l [u8]; PLACES + 1],
        mut unknown: impl FnMut(usize, &'l [u8]),
    ) -> bool {
        let mut rest = line;
        for place in &self.places {
            // Real lines have two spaces now and then.
            while let [b' ', behind @ ..] = rest {
                rest = behind;
            }
            if rest.is_empty() {
                return false;
            }
            let end = find(rest, b' ').unwrap_or(rest.len());
            let (value, behind) = rest.split_at(end);
            rest = behind;
            let value = if value == b"-" { &[][..] } else { value };
            match usize::from(*place).checked_sub(PLACES + 1) {
                None => values[usize::from(*place)] = value,
                Some(number) if !value.is_empty() => unknown(number, value),
                Some(_) => {}
            }
        }
        rest.iter().all(|octet| *octet == b' ')
    }
}

/// Whether the values of the field that has this place are numbers.
pub fn is_number(place: usize) -> bool {
    NUMBERS.iter().any(|known| *known as usize == place)
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// What flows have: the place of a [`Known`].
    Known(usize),
    /// Nothing that anybody asks for.
    Other,
    /// Something unknown, by its number.
    Unknown(usize),
}

/// The place of values that nobody asks for.
const OTHER: u16 = PLACES as u16;

/// The field called `name`, however it is written: `account-id`, `account_id`, `accountId`, `${account-id}`.
pub fn known(name: &str) -> Option<Known> {
    let name = name.strip_prefix("${").and_then(|name| name.strip_suffix('}')).unwrap_or(name);
    let plain = || name.bytes().filter(|octet| !matches!(octet, b'-' | b'_'));
    NAMES
        .iter()
        .find(|(known, _)| plain().map(|octet| octet.to_ascii_lowercase()).eq(known.bytes()))
        .map(|(_, known)| *known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_however_they_are_written() {
        for name in
            ["account-id", "account_id", "accountId", "accountid", "${account-id}", "ACCOUNT_ID"]
        {
            assert_eq!(known(name), Some(Account), "{name}");
        }
        assert_eq!(known("accountx"), None);
        for (at, (name, known)) in NAMES.iter().enumerate() {
            assert!(NAMES[..at].iter().all(|(other, _)| other != name), "{name}");
            let is_gateways = name.starts_with("tgw");
            let alike = NAMES[..at].iter().any(|(_, other)| other == known && *known != Other);
            assert!(!alike || is_gateways, "{name}");
        }
    }

    #[test]
    fn the_default_layouts_have_their_fields() {
        for (text, count) in [(DEFAULT, 14), (GATEWAY, 36)] {
            let layout = Layout::parse(text).expect("complete");
            assert_eq!((layout.places.len(), layout.unknown.len()), (count, 0));
            assert_eq!(Layout::of_heading(text.as_bytes()), Some(layout));
        }
    }

    #[test]
    fn what_a_layout_lacks_is_named() {
        for (text, lacks) in [
            ("srcaddr pkt-dstaddr protocol", "the layout has no `start` and no `end`"),
            ("dstaddr protocol end", "the layout has no `srcaddr`"),
            ("srcaddr dstaddr end", "the layout has no `protocol`"),
            ("srcaddr dstaddr srcaddr", "the field `srcaddr` twice"),
        ] {
            assert_eq!(Layout::parse(text).expect_err("incomplete"), lacks);
        }
        assert!(Layout::parse(&"x ".repeat(MOST + 1)).is_err());
    }

    #[test]
    fn lines_of_values_are_no_headings() {
        for line in ["2 1 eni-1", "", " ", "start 1 2 3", "type", "region us-east-1 x"] {
            let expected = line == "type";
            assert_eq!(Layout::of_heading(line.as_bytes()).is_some(), expected, "{line}");
        }
    }
}
