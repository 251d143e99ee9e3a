//! The templates of one stream: those that its port has told, and those that it has brought along from another.
//!
//! They are apart because a stream may turn out not to be the one whose templates it took along: then the owner gets them
//! back, and what the stream's own port has told stays.

use std::sync::{Arc, OnceLock};

use super::table::Table;
use crate::template::{Specifier, Template, compile::Plan};

/// A template, and its plan from when it was first needed.
#[derive(Debug)]
pub struct KnownTemplate {
    /// The template.
    pub template: Template,
    plan: OnceLock<Plan>,
}

impl KnownTemplate {
    /// A template that has not been needed yet.
    pub fn new(template: Template) -> Self {
        Self { template, plan: OnceLock::new() }
    }

    /// How its records are decoded.
    pub fn plan(&self) -> &Plan {
        self.plan.get_or_init(|| Plan::new(&self.template))
    }
}

/// Octets of memory that `template` takes, about: what is held for it, its plan, and its place in the table.
fn cost(template: &Template) -> usize {
    size_of::<KnownTemplate>() + template.specifiers.len() * (size_of::<Specifier>() + 24) + 128
}

/// Templates by identifier, which each has to itself, whether it is of flows or of options.
#[derive(Debug, Default)]
struct Layer {
    flows: Table<u16, Arc<KnownTemplate>>,
    /// Apart, so that to withdraw all of one kind costs nothing for the other.
    options: Table<u16, Arc<KnownTemplate>>,
    cost: usize,
}

impl Layer {
    #[inline]
    fn get(&self, id: u16) -> Option<&Arc<KnownTemplate>> {
        self.flows.get(&id).or_else(|| self.options.get(&id))
    }

    fn insert(&mut self, known: Arc<KnownTemplate>) {
        let id = known.template.id;
        self.remove(id);
        self.cost += cost(&known.template);
        self.of_kind(known.template.is_options()).insert(id, known);
    }

    fn remove(&mut self, id: u16) {
        if let Some(known) = self.flows.remove(&id).or_else(|| self.options.remove(&id)) {
            self.cost -= cost(&known.template);
        }
    }

    fn remove_all(&mut self, options: bool) {
        let removed = std::mem::take(self.of_kind(options));
        self.cost -= removed.values().map(|known| cost(&known.template)).sum::<usize>();
    }

    fn of_kind(&mut self, options: bool) -> &mut Table<u16, Arc<KnownTemplate>> {
        if options { &mut self.options } else { &mut self.flows }
    }

    fn all(&self) -> impl Iterator<Item = &Arc<KnownTemplate>> {
        self.flows.values().chain(self.options.values())
    }

    fn is_empty(&self) -> bool {
        self.flows.is_empty() && self.options.is_empty()
    }
}

/// The templates of one stream.
#[derive(Debug, Default)]
pub struct Templates {
    /// Told from its port.
    own: Layer,
    /// Told from the ports that it had before. What is told anew lies before it.
    brought: Option<Box<Layer>>,
}

impl Templates {
    /// The template `id`.
    #[inline]
    pub fn get(&self, id: u16) -> Option<&Arc<KnownTemplate>> {
        self.own.get(id).or_else(|| self.brought.as_ref()?.get(id))
    }

    /// All templates, each identifier once.
    pub fn all(&self) -> impl Iterator<Item = &Template> {
        let brought = self.brought.iter().flat_map(|layer| layer.all());
        let brought = brought.filter(|known| self.own.get(known.template.id).is_none());
        self.own.all().chain(brought).map(|known| &known.template)
    }

    /// True without any.
    pub fn is_empty(&self) -> bool {
        self.own.is_empty() && self.brought.as_ref().is_none_or(|layer| layer.is_empty())
    }

    /// Octets of memory that `template` would take beyond what it replaces; none when its port has told it as it is.
    pub fn cost_of(&self, template: &Template) -> Option<usize> {
        let replaced = match self.own.get(template.id) {
            Some(known) if known.template == *template => return None,
            Some(known) => cost(&known.template),
            None => 0,
        };
        Some(cost(template).saturating_sub(replaced))
    }

    /// Takes `template` in the place of one with its identifier.
    pub fn insert(&mut self, template: Template) {
        // Told again from a new port: the plan is made already.
        let same = self.brought.as_ref().and_then(|layer| layer.get(template.id));
        let same = same.filter(|known| known.template == template).cloned();
        self.own.insert(same.unwrap_or_else(|| Arc::new(KnownTemplate::new(template))));
    }

    /// Forgets the template `id`.
    pub fn remove(&mut self, id: u16) {
        self.own.remove(id);
        if let Some(layer) = &mut self.brought {
            layer.remove(id);
        }
    }

    /// Forgets all templates of flows, or all of options.
    pub fn remove_all(&mut self, options: bool) {
        self.own.remove_all(options);
        if let Some(layer) = &mut self.brought {
            layer.remove_all(options);
        }
    }

    /// The stream has another port: all that it knows was told from ports that it had before. Costs no more than what was
    /// told from the last one.
    pub fn leave_port(&mut self) {
        let own = std::mem::take(&mut self.own);
        match &mut self.brought {
            None if own.is_empty() => {}
            None => self.brought = Some(Box::new(own)),
            Some(layer) => {
                for known in own.flows.into_values().chain(own.options.into_values()) {
                    layer.insert(known);
                }
            }
        }
    }

    /// Takes up what `older` knows, as brought along.
    pub fn bring(&mut self, mut older: Self) {
        older.leave_port();
        match (&mut self.brought, older.brought) {
            (Some(layer), Some(more)) => {
                for known in more.flows.into_values().chain(more.options.into_values()) {
                    if layer.get(known.template.id).is_none() {
                        layer.insert(known);
                    }
                }
            }
            (none @ None, more) => *none = more,
            (Some(_), None) => {}
        }
    }

    /// Gives back what was told from other ports, to whoever has one of them.
    pub fn give_back(&mut self) -> Self {
        Self { own: self.brought.take().map(|layer| *layer).unwrap_or_default(), brought: None }
    }

    /// Octets of memory that they take, about.
    pub fn cost(&self) -> usize {
        self.own.cost
            + self.brought.as_ref().map_or(0, |layer| layer.cost + size_of::<Layer>() + 16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(id: u16, scopes: u16) -> Template {
        Template { id, scopes, specifiers: [Specifier::iana(8, 4)].into() }
    }

    #[test]
    fn templates_of_flows_and_of_options_are_withdrawn_apart() {
        let mut templates = Templates::default();
        templates.insert(template(256, 0));
        templates.insert(template(257, 1));
        templates.remove_all(false);
        assert!(templates.get(256).is_none());
        assert!(templates.get(257).is_some());
        templates.remove_all(true);
        assert_eq!((templates.all().count(), templates.cost()), (0, 0));
    }

    #[test]
    fn an_identifier_stands_for_one_template_of_either_kind() {
        let mut templates = Templates::default();
        templates.insert(template(256, 0));
        let one = templates.cost();
        templates.insert(template(256, 1));
        assert_eq!((templates.all().count(), templates.cost()), (1, one));
        assert!(templates.get(256).is_some_and(|known| known.template.is_options()));
        templates.insert(template(256, 0));
        assert!(templates.get(256).is_some_and(|known| !known.template.is_options()));
        templates.remove(256);
        assert!(templates.get(256).is_none());
    }

    #[test]
    fn what_was_brought_along_goes_back_and_what_was_told_stays() {
        let mut templates = Templates::default();
        templates.insert(template(256, 0));
        templates.insert(template(257, 0));
        templates.leave_port();
        assert_eq!(templates.cost_of(&template(257, 0)), Some(cost(&template(257, 0))), "not yet");
        templates.insert(template(257, 0));
        templates.insert(template(258, 1));
        assert_eq!(templates.cost_of(&template(257, 0)), None);
        assert_eq!(templates.all().count(), 3);
        let ids = |templates: &Templates| {
            let mut ids: Vec<u16> = templates.all().map(|template| template.id).collect();
            ids.sort_unstable();
            ids
        };
        let back = templates.give_back();
        assert_eq!((ids(&back), ids(&templates)), (vec![256, 257], vec![257, 258]));
        let cost = (templates.cost(), back.cost());
        templates.bring(back);
        assert_eq!(ids(&templates), [256, 257, 258]);
        assert!(templates.cost() > cost.0 + cost.1);
        templates.leave_port();
        assert_eq!(ids(&templates.give_back()), [256, 257, 258]);
        assert!(templates.is_empty());
    }
}
