//! Questions take turns: few are answered at a time, others wait for a moment. A question runs on a thread of its own, since it computes.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Serialize;
use tokio::{task::spawn_blocking, time::timeout};

use super::served::Served;
use crate::console::{
    desk::Desk,
    fault::{Code, Fault},
};

/// How long a question waits for its turn.
const PATIENCE: Duration = Duration::from_secs(2);

/// Has a question answered when it is its turn.
///
/// # Errors
/// That of the question; or there were too many.
pub async fn take<T: Send + 'static>(
    served: &Served,
    ask: impl FnOnce(&Desk) -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    let Ok(Ok(turn)) = timeout(PATIENCE, served.0.turns.clone().acquire_owned()).await else {
        return Err(Fault::new(Code::Busy, "too many questions at once; ask again in a second"));
    };
    let desk = served.0.desk.clone();
    let answered = spawn_blocking(move || {
        let answer = ask(&desk);
        // Whoever asked may have gone: the turn is over when the work is.
        drop(turn);
        answer
    });
    answered.await.unwrap_or_else(|_| {
        Err(Fault::new(
            Code::Internal,
            "the question could not be answered; the sensor's log says why",
        ))
    })
}

/// A document, or why there is none.
pub fn told<T: Serialize>(answer: Result<T, Fault>) -> Response {
    let text = answer.and_then(|answer| {
        serde_json::to_vec(&answer).map_err(|error| Fault::new(Code::Internal, error.to_string()))
    });
    match text {
        Ok(text) => json(StatusCode::OK, text),
        Err(fault) => refused(status(fault.code), &fault),
    }
}

/// Why there is no answer.
pub fn refused(status: StatusCode, fault: &Fault) -> Response {
    #[derive(Serialize)]
    struct Refused<'f> {
        error: &'f Fault,
    }
    let text = serde_json::to_vec(&Refused { error: fault }).unwrap_or_default();
    let mut answer = json(status, text);
    if status == StatusCode::TOO_MANY_REQUESTS {
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    if status == StatusCode::UNAUTHORIZED {
        let scheme = HeaderValue::from_static("Bearer");
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
    }
    answer
}

fn json(status: StatusCode, text: Vec<u8>) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], Body::from(text)).into_response()
}

fn status(code: Code) -> StatusCode {
    match code {
        Code::Request | Code::Query => StatusCode::BAD_REQUEST,
        Code::Limit => StatusCode::UNPROCESSABLE_ENTITY,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::Busy => StatusCode::TOO_MANY_REQUESTS,
        Code::Refused => StatusCode::FORBIDDEN,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
