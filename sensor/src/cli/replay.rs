//! `sensor replay`.

use sensor_core::{
    diagnostic::Findings,
    nql::lists::Lists,
    policy::why::{Asked, account::Account},
};

use super::{
    args::ReplayArgs,
    content::Content,
    exit::{self, Failure},
    nql,
    policy::{
        account::{Accounts, asked},
        named,
    },
    report::{JsonArgs, Outcome, report},
};
use crate::{
    agent::{
        cloud,
        config::{self, Config},
        exports,
        inspect::{
            self, Contents,
            policies::{self, STOCK},
        },
        logging,
        mode::Mode,
        plant::{top::PrintOptions, why::WhyAccounts},
        replay as agent,
    },
    stdio,
};

/// Replays the files of the command line.
pub fn replay(args: &ReplayArgs) -> anyhow::Result<()> {
    if args.why.is_empty() {
        let config = config::load(args.flows.config.as_deref(), &args.flows.overrides())?;
        return read(args, &config)
            .and_then(|(contents, shown)| run(args, &config, contents, &shown));
    }
    if args.json {
        // The document is all that is said.
        stdio::be_quiet();
    }
    report(JsonArgs { json: args.json }, why(args))
}

/// What the configuration names, and how flows are printed.
fn read(args: &ReplayArgs, config: &Config) -> anyhow::Result<(Contents, PrintOptions)> {
    if args.content != Some(Content::Exports) && args.out_counters.is_some() {
        let fault = "--out-counters applies to exports: add --as exports or remove it";
        return Err(Failure::usage(fault).into());
    }
    let shown = args.flows.shown()?;
    logging::start(config.log.level, logging::format::LogFormat::Text);
    Ok((inspect::read(config, Mode::Files, config.policies.lenient)?, shown))
}

fn run(
    args: &ReplayArgs,
    config: &Config,
    contents: Contents,
    shown: &PrintOptions,
) -> anyhow::Result<()> {
    let filters = nql::filters(&args.flows, &contents.lists)?;
    let (filters, files) = (&filters, &args.files);
    if let Some(input) = args.cloud.input(args.content, files, &config.context)? {
        return cloud::replay::replay(config, filters, contents, files, shown, input);
    }
    if args.content == Some(Content::Exports) {
        let options = exports::options(config, false, args.out_counters.map(Into::into));
        return exports::replay::replay(config, filters, contents, files, shown, options);
    }
    agent::replay(config, filters, contents, files, shown)
}

/// Replays, and tells why the policies that were named do or do not fire.
fn why(args: &ReplayArgs) -> anyhow::Result<Outcome<Accounts>> {
    let config = config_of_why(args)?;
    let (mut contents, shown) = read(args, &config)?;
    let mut findings = Findings::default();
    if args.json {
        findings = std::mem::take(&mut contents.warnings);
    }
    let accounts = WhyAccounts::new(accounts(args, &config, &contents.lists)?);
    let shown = PrintOptions { why: Some(accounts.clone()), ..shown };
    let result = run(args, &config, contents, &shown);
    let accounts = accounts.lock();
    let body = Accounts::of(&accounts);
    match result {
        Ok(()) => Ok(Outcome::well(body, findings)),
        // What could be read of the files is told all the same.
        Err(error) if accounts.iter().any(|account| account.counts().tested > 0) => {
            if args.json {
                findings.extend(exit::findings(&error));
            }
            let failure = Failure::other(format!("{error:#}"));
            let failure = Some(Failure { exit: exit::code(&error), ..failure });
            Ok(Outcome { body, findings, failure })
        }
        Err(error) => Err(error),
    }
}

/// The configuration, with the stock library where no policies are named. Nothing else is put out, unless flags say so.
fn config_of_why(args: &ReplayArgs) -> anyhow::Result<Config> {
    let mut overrides = args.flows.overrides();
    if args.flows.print.is_empty() {
        (overrides.print_flows, overrides.print_hits) = (Some(false), false);
    }
    if overrides.policies.is_empty() && args.flows.config.is_none() {
        overrides.policies = vec![STOCK.into()];
    }
    let mut config = config::load(args.flows.config.as_deref(), &overrides)?;
    if !args.flows.has_outputs() {
        config = config.without_sinks();
    }
    // The accounts go along with the batches, and the events do not depend on the threads.
    config.engine.threads = Some(1);
    Ok(config)
}

fn accounts(args: &ReplayArgs, config: &Config, lists: &Lists) -> anyhow::Result<Vec<Account>> {
    let paths = &config.policies.paths;
    let lists = policies::lists(paths, lists)?;
    let loaded = policies::load_all(paths, &lists, &config.policies.tuning)?;
    let mut accounts = Vec::new();
    for name in &args.why {
        let asked: Vec<Asked> = asked(named(&loaded, name)?, &lists)?;
        accounts.extend(asked.into_iter().map(Account::new));
    }
    Ok(accounts)
}
