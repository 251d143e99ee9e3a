//! Names of resources (CRN) and of objects, in which they stand with percent signs.

/// What a CRN tells: `crn:v1:bluemix:public:is:us-south-2:a/ACCOUNT::instance:ID`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Crn {
    /// Account.
    pub account: String,
    /// Region, or zone.
    pub location: String,
    /// The id of the resource.
    pub resource: String,
}

impl Crn {
    /// Of a CRN; of what is none, only that it is an id.
    pub fn of(text: &str) -> Self {
        let parts: Vec<&str> = text.splitn(10, ':').collect();
        match parts[..] {
            ["crn", _, _, _, _, location, scope, _, _, resource] => Self {
                account: scope.strip_prefix("a/").unwrap_or_default().to_owned(),
                location: location.to_owned(),
                resource: resource.to_owned(),
            },
            // In the documentation's example all of them are just that.
            ["crn"] => Self::default(),
            _ => Self { resource: text.to_owned(), ..Self::default() },
        }
    }
}

/// Where the flows of an object were seen; what is empty is not told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Account.
    pub account: String,
    /// The collector that writes the log.
    pub log: String,
    /// Virtual private cloud.
    pub vpc: String,
    /// Subnet.
    pub subnet: String,
    /// Virtual server.
    pub instance: String,
    /// Its interface.
    pub interface: String,
    /// Region.
    pub region: String,
    /// Zone.
    pub zone: String,
}

/// What the version of the log stands behind in the name of an object.
const VERSION: &str = "ibm_vpc_flowlogs_v";

impl Place {
    /// What the name of an object tells: parts that say what they are, `vpc-id=crn%3Av1%3A...`.
    pub fn of_object(path: &str) -> (Self, u8) {
        let (mut place, mut version) = (Self::default(), 0);
        for part in path.split('/') {
            if let Some(number) = part.strip_prefix(VERSION) {
                version = number.parse().unwrap_or(0);
            }
            let Some((name, value)) = part.split_once('=') else { continue };
            let value = decoded(value);
            match name {
                "account" => place.account = value,
                "region" => place.region = value,
                "vpc-id" => place.take_vpc(&value),
                "subnet-id" => {
                    let crn = Crn::of(&value);
                    (place.subnet, place.zone) = (crn.resource, crn.location);
                }
                "instance-id" => place.instance = Crn::of(&value).resource,
                "vnic-id" => place.interface = Crn::of(&value).resource,
                _ => {}
            }
        }
        (place, version)
    }

    /// Takes the CRN of the VPC.
    pub fn take_vpc(&mut self, text: &str) {
        let crn = Crn::of(text);
        set(&mut self.vpc, crn.resource);
        set(&mut self.account, crn.account);
        set(&mut self.region, crn.location);
    }

    /// Takes the CRN of the instance.
    pub fn take_instance(&mut self, text: &str) {
        let crn = Crn::of(text);
        set(&mut self.instance, crn.resource);
        set(&mut self.zone, crn.location);
        set(&mut self.account, crn.account);
    }

    /// Takes the CRN of the collector.
    pub fn take_log(&mut self, text: &str) {
        let crn = Crn::of(text);
        set(&mut self.log, crn.resource);
        set(&mut self.account, crn.account);
    }

    /// Takes the id of the interface.
    pub fn take_interface(&mut self, text: &str) {
        set(&mut self.interface, Crn::of(text).resource);
    }
}

/// What is told replaces what was known.
fn set(own: &mut String, told: String) {
    if !told.is_empty() {
        *own = told;
    }
}

/// Without percent signs; as it is where they are not followed by two digits.
fn decoded(text: &str) -> String {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [octet, behind @ ..] = rest {
        rest = behind;
        let digit = |at: usize| char::from(*behind.get(at)?).to_digit(16);
        match (octet, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                octets.push((high << 4 | low) as u8);
                rest = &behind[2..];
            }
            _ => octets.push(*octet),
        }
    }
    String::from_utf8_lossy(&octets).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_objects_tell_where_their_flows_were_seen() {
        let path = "b/ibm_vpc_flowlogs_v1/account=713c/region=us-south/vpc-id=crn%3Av1%3Abluemix%3Apublic%3Ais%3Aus-south%3Aa%2F713c%3A%3Avpc%3Ar006-f6/subnet-id=crn%3av1%3abluemix%3apublic%3ais%3aus-south-2%3aa%2f713c%3a%3asubnet%3a0727-b3/endpoint-type=vnics/instance-id=crn%3Av1%3Abluemix%3Apublic%3Ais%3Aus-south-2%3Aa%2F713c%3A%3Ainstance%3A0727_8a/vnic-id=0727-c9/record-type=egress/year=2021/month=11/day=23/hour=20/stream-id=20211119T222459Z/00000006.gz";
        let expected = Place {
            account: "713c".to_owned(),
            log: String::new(),
            vpc: "r006-f6".to_owned(),
            subnet: "0727-b3".to_owned(),
            instance: "0727_8a".to_owned(),
            interface: "0727-c9".to_owned(),
            region: "us-south".to_owned(),
            zone: "us-south-2".to_owned(),
        };
        assert_eq!(Place::of_object(path), (expected, 1));
        assert_eq!(Place::of_object("flows.json"), (Place::default(), 0));
    }

    #[test]
    fn what_is_no_crn_is_an_id() {
        for (text, resource) in [
            ("0737-40a0d077", "0737-40a0d077"),
            ("crn", ""),
            ("", ""),
            ("crn:v1:bluemix:public:is:us-south:a/1", "crn:v1:bluemix:public:is:us-south:a/1"),
            ("crn:v1:bluemix:public:is:us-south:a/1::vpc:a:b", "a:b"),
        ] {
            assert_eq!(Crn::of(text).resource, resource, "{text}");
        }
        let crn = Crn::of("crn:v1:bluemix:public:is:us-south:a/1::vpc:r006");
        assert_eq!((crn.account.as_str(), crn.location.as_str()), ("1", "us-south"));
    }

    #[test]
    fn percent_signs_that_stand_for_nothing_stay() {
        for (text, expected) in [
            ("a%3Ab", "a:b"),
            ("%", "%"),
            ("%4", "%4"),
            ("%zz%25", "%zz%"),
            ("%ff", "\u{fffd}"),
            ("%+1", "%+1"),
        ] {
            assert_eq!(decoded(text), expected);
        }
    }
}
