//! Fields that are functions in the table of fields: their translations, by name. A field that is not here is refused.

use super::{
    expression::{Expr, Shape, Step},
    refusal::Why,
    stored::{MAPPED, Stored},
    values::{Found, Kind, any, is_cloud, is_egress, told as told_in},
};
use crate::flow::{
    attributes::Attribute as _, columns::Column, point::PointAttribute, properties::CommonProperty,
};

const DEVICE: Stored = Stored::Column(Column::Device);

/// The same in all rows of a batch.
pub(super) fn of_batches(name: &str) -> Result<Found, Why> {
    match name {
        "flowtype" => Ok(Found::always(Kind::FlowType, Expr::Stored(Stored::FlowType))),
        "ipversion" => {
            let mapped = Expr::Between(
                Box::new(Expr::Stored(Stored::Source)),
                Box::new(Expr::Address(MAPPED)),
                Box::new(Expr::Address(MAPPED | u128::from(u32::MAX))),
            );
            let v6 = mapped.clone().negated();
            Ok(Found::new(Kind::Number, [(mapped, Expr::Integer(4)), (v6, Expr::Integer(6))]))
        }
        _ => Err(Why::Untranslated),
    }
}

/// Computed of a row.
pub(super) fn of_rows(name: &str) -> Result<Found, Why> {
    let (octets, packets) = (Column::Octets, Column::Packets);
    let bits = || Expr::Product(vec![Expr::column(octets), Expr::Integer(8)]);
    let real = |number| Box::new(Expr::AsReal(Box::new(number)));
    match name {
        "flowbrate" => Ok(per_second(bits(), octets)),
        "flowprate" => Ok(per_second(Expr::column(packets), packets)),
        "pbratio" => {
            // Bits that are not told read as 0.
            let when = any(octets).differs(0).and(told_in(packets));
            let value = Expr::RealQuotient(real(Expr::column(packets)), real(bits()));
            Ok(Found::new(Kind::Real, [(when, value)]))
        }
        _ => Err(Why::Untranslated),
    }
}

fn per_second(amount: Expr, of: Column) -> Found {
    let (start, end) = (Expr::column(Column::Start), Expr::column(Column::End));
    let duration = Expr::Difference(Box::new(end), Box::new(start));
    let when = told_in(of).and(told_in(Column::Start)).and(duration.clone().differs(0));
    let thousand = Box::new(Expr::Real(1000.0));
    let amount = Expr::RealProduct(Box::new(Expr::AsReal(Box::new(amount))), thousand);
    let value = Expr::RealQuotient(Box::new(amount), Box::new(Expr::AsReal(Box::new(duration))));
    Found::new(Kind::Real, [(when, value)])
}

/// What a device or a cloud tells about a number.
pub(super) fn told(name: &str) -> Result<Found, Why> {
    let text = |value| Found::always(Kind::Text, value);
    if let Some(own) = PointAttribute::ALL.into_iter().find(|own| own.name() == name) {
        return Ok(text(point(own)));
    }
    if let Some(own) = CommonProperty::ALL.into_iter().find(|own| own.name() == name) {
        let properties = Stored::Column(Column::CommonProperties);
        return Ok(text(Expr::member(properties, &[own.name()], Shape::Text)));
    }
    Ok(match name {
        "flowsrcname" => text(device_text("name")),
        "site" => text(device_text("site")),
        "flowsrcip" => {
            let address = Expr::member(DEVICE, &["address"], Shape::Text);
            Found::always(Kind::Address, Expr::Parsed(Box::new(address)))
        }
        "tags" => {
            let own = Expr::member(Stored::Column(Column::Tags), &[], Shape::Texts);
            let device = Expr::member(DEVICE, &["tags"], Shape::Texts);
            Found::always(Kind::Texts, Expr::List(Box::new(own), Box::new(device)))
        }
        "application" => text(by_number("applications", any(Column::Application), &[])),
        "inputvrf" => vrf(Column::InputVrf),
        "outputvrf" => vrf(Column::OutputVrf),
        "interface" => {
            let by_output = is_egress().and(told_in(Column::OutputInterface));
            Found::new(
                Kind::Text,
                [
                    (is_cloud(), point(PointAttribute::Interface)),
                    (of_numbers(by_output.clone()), interface(Column::OutputInterface, 0)),
                    (of_numbers(by_output.negated()), interface(Column::Interface, 0)),
                ],
            )
        }
        "inputname" => {
            let at_cloud = (cloud(is_ingress()), point(PointAttribute::Interface));
            Found::new(Kind::Text, [at_cloud, input(0)])
        }
        "outputname" => {
            let at_cloud = (cloud(is_egress()), point(PointAttribute::Interface));
            let [one, other] = output(0);
            Found::new(Kind::Text, [at_cloud, one, other])
        }
        "inputalias" => Found::new(Kind::Text, [input(1)]),
        "outputalias" => Found::new(Kind::Text, output(1)),
        _ => return Err(Why::Untranslated),
    })
}

fn point(attribute: PointAttribute) -> Expr {
    Expr::member(Stored::Column(Column::ObservationPoint), &[attribute.name()], Shape::Text)
}

fn device_text(key: &str) -> Expr {
    Expr::NotEmpty(Box::new(Expr::member(DEVICE, &[key], Shape::Text)))
}

/// What a device says of a number, further steps on.
fn by_number(table: &str, number: Expr, further: &[Step]) -> Expr {
    let mut steps = vec![Step::Key(table.to_owned()), Step::Number(Box::new(number))];
    steps.extend_from_slice(further);
    Expr::Document(DEVICE, steps, Shape::Text)
}

fn vrf(column: Column) -> Found {
    Found::new(Kind::Text, [(told_in(column), by_number("vrfs", Expr::column(column), &[]))])
}

/// Name (0) or alias (1) of the interface that a column numbers.
fn interface(column: Column, which: usize) -> Expr {
    Expr::NotEmpty(Box::new(by_number("interfaces", any(column), &[Step::At(which)])))
}

fn is_ingress() -> Expr {
    let ingress = sensor_common::key::Direction::Ingress as u64;
    told_in(Column::Direction).and(Expr::column(Column::Direction).equals(Expr::Integer(ingress)))
}

fn cloud(condition: Expr) -> Expr {
    is_cloud().and(condition)
}

/// Where interfaces have numbers.
fn of_numbers(condition: Expr) -> Expr {
    is_cloud().negated().and(condition)
}

fn input(which: usize) -> (Expr, Expr) {
    let is_input = Expr::Any(vec![told_in(Column::OutputInterface), is_egress().negated()]);
    (of_numbers(is_input), interface(Column::Interface, which))
}

fn output(which: usize) -> [(Expr, Expr); 2] {
    let split = told_in(Column::OutputInterface);
    [
        (of_numbers(split.clone()), interface(Column::OutputInterface, which)),
        (of_numbers(split.negated().and(is_egress())), interface(Column::Interface, which)),
    ]
}
