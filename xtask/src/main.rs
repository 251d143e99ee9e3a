//! Set up, build, run, test and measure the sensor.
fn main() {}
