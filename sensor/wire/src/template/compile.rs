//! A template as a plan: where in a record which field lies, and what it says. Made once, when the first data come.

use sensor_core::flow::columns::Column;

use super::{
    Specifier, Template,
    elements::{self, Clock, Meaning, Reading, reading, tells_names},
    fills::{Fill, Fills, KINDS, Kind, Place, RunFields, Span, Target, Word, bits},
};

/// Address family of a template's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// No addresses.
    None,
    /// IPv4.
    V4,
    /// IPv6.
    V6,
    /// Both kinds of address: each record decides.
    Either,
}

/// The frame or packet that a record carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Where it lies.
    pub span: Span,
    /// True for an Ethernet frame, false for an IP packet.
    pub frame: bool,
    /// Where its length on the wire stands.
    pub size: Option<Place>,
}

/// Fields that are read record by record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Single {
    /// Which sampler.
    pub sampler: Option<Place>,
    /// IP protocol.
    pub protocol: Option<Place>,
    /// IP version.
    pub ip_version: Option<Place>,
    /// What a firewall did.
    pub event: Option<Place>,
    /// Which connection of a firewall.
    pub connection: Option<Place>,
    /// Duration, and what one millisecond is of its unit.
    pub duration: Option<(Place, u64)>,
    /// `samplingPacketInterval` and `samplingPacketSpace`.
    pub systematic: Option<(Place, Place)>,
    /// When the device booted.
    pub system_init: Option<Place>,
    /// IPv4 address of the device that a mediator has the flow from.
    pub device_v4: Option<Place>,
    /// As `device_v4`, IPv6.
    pub device_v6: Option<Place>,
    /// The addresses, for records of either family.
    pub source_v4: Option<Place>,
    /// As `source_v4`.
    pub destination_v4: Option<Place>,
    /// As `source_v4`.
    pub source_v6: Option<Place>,
    /// As `source_v4`.
    pub destination_v6: Option<Place>,
    /// Which addresses come first: those of the outer packet, where a record tells of a packet in a packet.
    pub v4_first: bool,
    /// An application in a field that is longer than a number, or of variable length.
    pub application: Option<Span>,
    /// Counts of the other direction.
    pub reverse_octets: Option<Place>,
    /// As `reverse_octets`.
    pub reverse_packets: Option<Place>,
    /// OUT counters, where IN counters stand beside them.
    pub out_octets: Option<Place>,
    /// As `out_octets`.
    pub out_packets: Option<Place>,
}

/// What a device's OUT counters count (elements 23 and 24) where IN counters (1 and 2) stand beside them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutCounters {
    /// The same packets, as they left. They count where IN is 0.
    #[default]
    Same,
    /// The packets of the way back: they make a flow of their own.
    Reverse,
}

/// Which counts are totals since the flow began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totalled {
    /// Octets.
    pub octets: bool,
    /// Packets.
    pub packets: bool,
}

impl Totalled {
    /// Whether any is.
    pub fn any(self) -> bool {
        self.octets || self.packets
    }
}

/// How the records of a template are decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Octets of the runs; one more than there are fields of variable length.
    pub runs: Box<[u16]>,
    /// The least number of octets of a record.
    pub minimum: usize,
    /// Address family.
    pub family: Family,
    /// Fields that fill columns.
    pub fills: Fills,
    /// The same for a row of the other direction, when the records tell of both.
    pub reverse_fills: Option<Fills>,
    /// Fields that are read record by record.
    pub single: Single,
    /// The frame that a record carries, when there are no addresses beside it.
    pub sample: Option<Sample>,
    /// True for a firewall's records that count initiator and responder apart: its reports at the end of a flow repeat
    /// what its updates have counted.
    pub updates: bool,
    /// True where the records count initiator and responder apart: their source is the initiator.
    pub roles: bool,
    /// Which counts are totals.
    pub totals: Totalled,
    /// The same of the other direction.
    pub reverse_totals: Totalled,
    /// How the records are decoded where OUT counters, which stand beside those of IN, count the way back.
    pub out_reversed: Option<Box<Self>>,
    /// True where some field names the ingress interface.
    pub has_input: bool,
    /// True where fields tell of sampling what fills no column.
    pub tells_sampling: bool,
    /// True where some field counts.
    pub has_counts: bool,
    /// True where ICMP's type or code stands, and no protocol.
    pub implies_icmp: bool,
    /// True where some field is a port of a transport protocol.
    pub has_ports: bool,
    /// True where fields are numbers of what records of options tell.
    pub refers: bool,
    /// True where names of interfaces, applications or VRFs stand beside their numbers.
    pub names: bool,
}

impl Plan {
    /// Octets of every record, when all have as many.
    pub fn stride(&self) -> Option<usize> {
        match &*self.runs {
            [stride] => Some((*stride).into()),
            _ => None,
        }
    }

    /// The plan for `template`.
    pub fn new(template: &Template) -> Self {
        let mut plan = Self::with(template, OutCounters::Same);
        if plan.single.out_octets.or(plan.single.out_packets).is_some() {
            plan.out_reversed = Some(Box::new(Self::with(template, OutCounters::Reverse)));
        }
        plan
    }

    /// The plan for a device whose OUT counters count so.
    pub fn counting(&self, out: OutCounters) -> &Self {
        match (&self.out_reversed, out) {
            (Some(plan), OutCounters::Reverse) => plan,
            _ => self,
        }
    }

    fn with(template: &Template, out_counters: OutCounters) -> Self {
        let mut layout = Layout::default();
        let mut chosen: Vec<(Reading, Place)> = Vec::new();
        let mut sample: Option<(Span, bool)> = None;
        let mut application = None;
        let mut out = [None; 2];
        for specifier in &template.specifiers {
            let span = layout.put(specifier);
            let Some(mut reading) = reading(specifier) else { continue };
            reading.reverse |= reading.is_out() && out_counters == OutCounters::Reverse;
            if let (true, Span::Fixed(place)) = (reading.is_out() && is_number(span), span) {
                match reading.meaning {
                    Meaning::Octets => out[0] = Some(place),
                    _ => out[1] = Some(place),
                }
            }
            match (reading.meaning, span) {
                (Meaning::Frame | Meaning::Packet, span) => {
                    sample = sample.or(Some((span, reading.meaning == Meaning::Frame)));
                }
                (Meaning::Application, span) if !is_number(span) => {
                    application = application.or(Some(span));
                }
                (_, Span::Fixed(place)) if fits(reading.meaning, place.length) => {
                    choose(&mut chosen, reading, place);
                }
                _ => {}
            }
        }
        let find = |meaning: Meaning, reverse: bool| {
            chosen
                .iter()
                .find(|(reading, _)| reading.reverse == reverse && reading.meaning.is_like(meaning))
        };
        let place = |meaning| find(meaning, false).map(|(_, place)| *place);
        let v4 = place(Meaning::SourceV4).or(place(Meaning::DestinationV4)).is_some();
        let v6 = place(Meaning::SourceV6).or(place(Meaning::DestinationV6)).is_some();
        let reverse = |meaning| find(meaning, true).map(|(_, place)| *place);
        // What no field tells of the packets that came in is told by those that count what left.
        let beside = |meaning, out: Option<Place>| {
            let reads_in = find(meaning, false).is_some_and(|(reading, _)| !reading.is_out());
            out.filter(|_| reads_in && out_counters == OutCounters::Same)
        };
        let single = Single {
            sampler: place(Meaning::Sampler),
            protocol: place(Meaning::Protocol),
            ip_version: place(Meaning::IpVersion),
            event: place(Meaning::FirewallEvent),
            connection: place(Meaning::Connection),
            duration: place(Meaning::DurationMilliseconds)
                .map(|place| (place, 1))
                .or(place(Meaning::DurationMicroseconds).map(|place| (place, 1000))),
            systematic: place(Meaning::PacketInterval).zip(place(Meaning::PacketSpace)),
            system_init: place(Meaning::SystemInit),
            device_v4: place(Meaning::DeviceV4),
            device_v6: place(Meaning::DeviceV6),
            source_v4: place(Meaning::SourceV4),
            destination_v4: place(Meaning::DestinationV4),
            source_v6: place(Meaning::SourceV6),
            destination_v6: place(Meaning::DestinationV6),
            v4_first: chosen.iter().find_map(|(reading, _)| match reading.meaning {
                Meaning::SourceV4 | Meaning::DestinationV4 => Some(true),
                Meaning::SourceV6 | Meaning::DestinationV6 => Some(false),
                _ => None,
            }) == Some(true),
            application: application.filter(|_| place(Meaning::Application).is_none()),
            reverse_octets: reverse(Meaning::Octets),
            reverse_packets: reverse(Meaning::Packets),
            out_octets: beside(Meaning::Octets, out[0]),
            out_packets: beside(Meaning::Packets, out[1]),
        };
        let totalled = |reverse| {
            let is_total = |meaning| {
                find(meaning, reverse).is_some_and(|(reading, _)| reading.rank == elements::TOTAL)
            };
            Totalled { octets: is_total(Meaning::Octets), packets: is_total(Meaning::Packets) }
        };
        let tells_sampling = single.sampler.is_some() || single.systematic.is_some();
        let both_ways = single.reverse_octets.is_some() || single.reverse_packets.is_some();
        let family = match (v4, v6) {
            (false, false) => Family::None,
            (true, false) => Family::V4,
            (false, true) => Family::V6,
            (true, true) => Family::Either,
        };
        let runs = layout.finish();
        let sample = sample.filter(|_| family == Family::None);
        Self {
            minimum: template.minimum(),
            family,
            fills: with_untold(fills(&chosen, &runs, false), &single, sample.is_some()),
            reverse_fills: both_ways
                .then(|| with_untold(fills(&chosen, &runs, true), &single, false)),
            runs,
            tells_sampling,
            single,
            sample: sample.map(|(span, frame)| Sample {
                span,
                frame,
                size: place(Meaning::FrameSize),
            }),
            updates: single.event.is_some()
                && find(Meaning::Octets, false)
                    .is_some_and(|(reading, _)| reading.rank == elements::ROLES),
            roles: [Meaning::Octets, Meaning::Packets].into_iter().any(|meaning| {
                find(meaning, false).is_some_and(|(reading, _)| reading.rank == elements::ROLES)
            }),
            totals: totalled(false),
            reverse_totals: totalled(true),
            out_reversed: None,
            has_input: place(Meaning::Input).is_some(),
            has_counts: place(Meaning::Octets).or(place(Meaning::Packets)).is_some(),
            implies_icmp: place(Meaning::Protocol).is_none()
                && [Meaning::IcmpTypeCode, Meaning::IcmpType, Meaning::IcmpCode]
                    .into_iter()
                    .any(|meaning| place(meaning).is_some()),
            has_ports: place(Meaning::SourcePort).or(place(Meaning::DestinationPort)).is_some(),
            refers: [Column::ObservationPoint, Column::CommonProperties]
                .into_iter()
                .any(|column| place(Meaning::Column(column)).is_some()),
            names: tells_names(&template.specifiers),
        }
    }
}

/// Runs and where they end, while fields are laid out.
#[derive(Default)]
struct Layout {
    runs: Vec<u16>,
    length: u16,
}

impl Layout {
    fn put(&mut self, specifier: &Specifier) -> Span {
        let (run, offset) = (self.runs.len() as u16, self.length);
        if specifier.is_variable() {
            self.runs.push(std::mem::take(&mut self.length));
            return Span::Variable { run, offset };
        }
        // Templates are no longer than 65,535 octets, or they are refused.
        self.length += specifier.length;
        Span::Fixed(Place { run, offset, length: specifier.length })
    }

    fn finish(mut self) -> Box<[u16]> {
        self.runs.push(self.length);
        self.runs.into()
    }
}

/// True for a field of one to eight octets.
fn is_number(span: Span) -> bool {
    matches!(span, Span::Fixed(Place { length: 1..=8, .. }))
}

/// True when a field of `length` octets can say `meaning`.
fn fits(meaning: Meaning, length: u16) -> bool {
    match meaning {
        Meaning::Column(column) => column.data_type().fits(length),
        Meaning::SourceV4 | Meaning::DestinationV4 | Meaning::DeviceV4 => length == 4,
        Meaning::SourceV6 | Meaning::DestinationV6 | Meaning::DeviceV6 => length == 16,
        Meaning::Start(Clock::Ntp) | Meaning::End(Clock::Ntp) => length == 8,
        _ => (1..=8).contains(&length),
    }
}

/// Keeps the reading of the lowest rank, the first of equals.
fn choose(chosen: &mut Vec<(Reading, Place)>, reading: Reading, place: Place) {
    let known = chosen.iter_mut().find(|(known, _)| {
        known.reverse == reading.reverse && known.meaning.is_like(reading.meaning)
    });
    match known {
        Some(known) if known.0.rank > reading.rank => *known = (reading, place),
        Some(_) => {}
        None => chosen.push((reading, place)),
    }
}

/// The fields that fill columns of a row of the one direction or the other.
fn fills(chosen: &[(Reading, Place)], runs: &[u16], reverse: bool) -> Fills {
    let told_reverse = |meaning: Meaning| {
        chosen.iter().any(|(reading, _)| reading.reverse && reading.meaning.is_like(meaning))
    };
    let mut fields: Vec<Fill> = chosen
        .iter()
        .filter(|(reading, _)| fills_column(reading.meaning))
        .filter_map(|(reading, place)| {
            let meaning = match (reverse, reading.reverse) {
                (false, false) | (true, true) => reading.meaning,
                (false, true) => return None,
                (true, false) => {
                    if reading.meaning.is_one_way() || told_reverse(reading.meaning) {
                        return None;
                    }
                    reading.meaning.turned()
                }
            };
            let word = Word::new(*place, bits(meaning), runs[usize::from(place.run)]);
            Some(Fill { place: *place, word, meaning, target: Target::new(meaning, place.length) })
        })
        .collect();
    fields.sort_by_key(|fill| (fill.place.run, Kind::of(fill)));
    let mut first = 0;
    let runs = fields.chunk_by(|one, other| one.place.run == other.place.run).map(|chunk| {
        let mut ends = [0; KINDS];
        for kind in chunk.iter().map(Kind::of) {
            ends[kind as usize..].iter_mut().for_each(|end| *end += 1);
        }
        let fields =
            RunFields { run: chunk[0].place.run, first, ends: ends.map(|end| first + end) };
        first += chunk.len() as u16;
        fields
    });
    let runs = runs.collect();
    let tells = |meaning| fields.iter().any(|fill| fill.meaning == meaning);
    Fills {
        first_is_uptime: tells(Meaning::Start(Clock::Uptime)),
        last_is_uptime: tells(Meaning::End(Clock::Uptime)),
        fields: fields.into(),
        runs,
        untold: 0,
    }
}

/// What a frame or packet tells of its flow, which is that one packet.
const TOLD_BY_FRAMES: u128 = {
    let columns = [
        Column::IcmpTypeCode,
        Column::Tos,
        Column::Octets,
        Column::Packets,
        Column::Start,
        Column::Fragment,
        Column::SourceMac,
        Column::DestinationMac,
    ];
    let (mut told, mut at) = (Column::PORTS, 0);
    while at < columns.len() {
        told |= columns[at].bit();
        at += 1;
    }
    told
};

/// `fills`, with the columns that they, what is read record by record, and the frame that each record carries, leave out.
fn with_untold(fills: Fills, single: &Single, has_frame: bool) -> Fills {
    let filled = fills.fields.iter().filter_map(|fill| fill.meaning.column());
    let mut told = filled.fold(0, |told, column| told | column.bit());
    // Flows of ICMP, which has no ports.
    if told & Column::IcmpTypeCode.bit() != 0 && single.protocol.is_none() {
        told |= Column::PORTS;
    }
    // What one of them tells tells the other as well.
    for (of, also) in
        [(Column::DestinationPort, Column::IcmpTypeCode), (Column::Layer2Octets, Column::Octets)]
    {
        told |= if told & of.bit() != 0 { also.bit() } else { 0 };
    }
    if single.duration.is_some() {
        told |= Column::Start.bit();
    }
    if has_frame {
        told |= TOLD_BY_FRAMES;
    }
    Fills { untold: Column::TOLD_BY_BATCH & !told, ..fills }
}

fn fills_column(meaning: Meaning) -> bool {
    !matches!(
        meaning,
        Meaning::DurationMilliseconds
            | Meaning::DurationMicroseconds
            | Meaning::PacketInterval
            | Meaning::PacketSpace
            | Meaning::Sampler
            | Meaning::Connection
            | Meaning::IpVersion
            | Meaning::Frame
            | Meaning::Packet
            | Meaning::FrameSize
            | Meaning::SystemInit
            | Meaning::DeviceV4
            | Meaning::DeviceV6
    )
}
