//! The flow log of a virtual network as Azure writes it: `PT1H.json`, one for each interface and hour, to which each minute
//! adds a record in front of the closing bracket.

use super::{
    moment::{Calendar, Moment},
    story::{AZURE_LOG, AZURE_SUBSCRIPTION, FORBIDDEN, Flow, LOGIN, LOW_PORTS},
};

const MAC: &str = "6045BD0DE001";

/// The name of the blob in its container.
pub fn name(time: Moment) -> String {
    let Calendar { year, month, day, hour, .. } = time.calendar();
    format!(
        "flowLogResourceID=/{}_NETWORKWATCHERRG/NETWORKWATCHER_WESTEUROPE_{}/y={year}/m={month:02}/d={day:02}/h={hour:02}/m=00/\
         macAddress={MAC}/PT1H.json",
        AZURE_SUBSCRIPTION.to_uppercase(),
        AZURE_LOG.to_uppercase()
    )
}

/// The blob after its first minute, in which a connection began, or also after its second, with the end of that and with
/// what policies look for.
pub fn blob(now: Moment, minutes: usize) -> String {
    let (first, second) = (now.before(60), now);
    let began = format!("{},B,NX,0,0,0,0", head(&LOGIN, first));
    let ended = [LOGIN, FORBIDDEN, LOW_PORTS].map(|flow| {
        let Flow { packets, octets, .. } = flow;
        format!("{},E,NX,{packets},{octets},{packets},{octets}", head(&flow, second))
    });
    let all = [record(first, &[began]), record(second, &ended)];
    format!("{{\"records\":[{}]}}", all[..minutes].join(","))
}

fn head(flow: &Flow, time: Moment) -> String {
    let Flow { protocol, from, to, .. } = flow;
    let milliseconds = time.milliseconds();
    format!("{milliseconds},{},{},{},{},{protocol},O", from.0, to.0, from.1, to.1)
}

fn record(time: Moment, tuples: &[String]) -> String {
    let tuples = tuples.join("\",\"");
    let group = format!("/subscriptions/{AZURE_SUBSCRIPTION}/resourceGroups");
    format!(
        "{{\"time\":\"{time}\",\"flowLogVersion\":4,\"flowLogGUID\":\"00000000-0000-0000-0000-00000000de10\",\
         \"macAddress\":\"{MAC}\",\"category\":\"FlowLogFlowEvent\",\
         \"flowLogResourceID\":\"{}\",\
         \"targetResourceID\":\"{group}/build/providers/Microsoft.Network/virtualNetworks/build-net\",\
         \"operationName\":\"FlowLogFlowEvent\",\"flowRecords\":{{\"flows\":[{{\"aclID\":\
         \"00000000-0000-0000-0000-00000000de11\",\"flowGroups\":[{{\"rule\":\"DefaultRule_AllowVnetOutBound\",\
         \"flowTuples\":[\"{tuples}\"]}}]}}]}}}}",
        format!(
            "{group}/NetworkWatcherRG/providers/Microsoft.Network/networkWatchers/NetworkWatcher_westeurope/flowLogs/{AZURE_LOG}"
        )
        .to_uppercase()
    )
}
