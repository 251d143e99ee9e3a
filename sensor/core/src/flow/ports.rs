//! Labels of ports: what a port of a protocol is used for (NQL `label.port.X`).

use std::collections::BTreeMap;

use super::fields::Value;

/// Labels by protocol number and port. A port of a protocol has any number of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortLabels(BTreeMap<(u8, u16), Vec<String>>);

impl PortLabels {
    /// Adds a label to a port of the protocol with this number.
    pub fn add(&mut self, protocol: u8, port: u16, label: &str) {
        let labels = self.0.entry((protocol, port)).or_default();
        if !labels.iter().any(|known| known == label) {
            labels.push(label.to_owned());
        }
    }

    /// The labels of a port; [`Value::Absent`] where it has none.
    pub fn get(&self, protocol: u8, port: u16) -> Value<'_> {
        self.0.get(&(protocol, port)).map_or(Value::Absent, |labels| Value::Texts(labels))
    }

    /// The ports of a protocol that have labels, and these.
    pub fn of(&self, protocol: u8) -> impl Iterator<Item = (u16, Value<'_>)> {
        let ports = self.0.range((protocol, 0)..=(protocol, u16::MAX));
        ports.map(|(&(_, port), labels)| (port, Value::Texts(labels)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_hang_on_protocol_and_port() {
        let mut labels = PortLabels::default();
        for (protocol, port, label) in
            [(6, 443, "web"), (6, 443, "web"), (6, 80, "web"), (17, 53, "dns")]
        {
            labels.add(protocol, port, label);
        }
        assert_eq!(labels.get(6, 443), Value::Texts(&["web".to_owned()]));
        assert_eq!(labels.get(17, 443), Value::Absent);
        assert_eq!(labels.of(6).map(|(port, _)| port).collect::<Vec<_>>(), [80, 443]);
    }
}
