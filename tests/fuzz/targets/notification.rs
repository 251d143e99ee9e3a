//! What a queue says of objects: any text, and any order in which messages come and objects are done. Each message is done with
//! exactly once for each time that it was taken, and nothing waits for ever.

#![no_main]

use std::{collections::BTreeMap, sync::Arc};

use libfuzzer_sys::fuzz_target;
use sensor::agent::cloud::follow::store::queue::{
    event,
    messages::{Due, Join, Messages},
};

fuzz_target!(|input: (&str, &[u8])| {
    let (text, steps) = input;
    if let Ok(named) = event::parse(text) {
        assert!(named.len() <= 1000);
        assert!(named.iter().all(|named| named.tag.as_deref() != Some("")));
    }
    let mut messages = Messages::default();
    let mut taken = BTreeMap::<String, u32>::new();
    let mut done = BTreeMap::<String, u32>::new();
    let mut note = |due: Option<Due>| {
        let Some(Due::Delete(handle) | Due::Later(handle, _)) = due else { return };
        *done.entry(handle).or_default() += 1;
    };
    let name = |octet: u8| -> Arc<str> { (octet % 5).to_string().into() };
    for step in steps.chunks_exact(4) {
        let [what, id, object, more] = *step else { continue };
        let id = (id % 7).to_string();
        let count = usize::from(more % 4);
        match what % 3 {
            // A message that names some objects, of which the store refuses one now and then.
            0 => {
                if messages.receive(&id, id.clone(), u32::from(what) + 1, count) {
                    continue;
                }
                *taken.entry(id.clone()).or_default() += 1;
                note(messages.ended(&id));
                for at in 0..count {
                    if more & 0x80 != 0 && at == 1 {
                        note(messages.answered(&id, false));
                        note(messages.abandon(&id, count - at - 1));
                        break;
                    }
                    let object = object.wrapping_add(at as u8);
                    let version = Arc::from((object / 128).to_string());
                    if messages.join(&id, &name(object), &version) == Join::Clashes {
                        note(messages.answered(&id, false));
                    }
                }
            }
            1 => messages
                .object(&name(object), more & 1 == 1)
                .into_iter()
                .for_each(|due| note(Some(due))),
            _ if messages.receives(&name(object)) == 0 => {
                messages.hold(&name(object), &Arc::from("0"));
            }
            _ => {}
        }
        assert_eq!(messages.handles().len(), messages.count());
    }
    for object in 0..5 {
        messages.object(&name(object), true).into_iter().for_each(|due| note(Some(due)));
    }
    assert_eq!((messages.count(), messages.objects()), (0, 0));
    assert_eq!(taken, done);
});
