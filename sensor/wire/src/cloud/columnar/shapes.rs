//! What the members of Parquet's structures are, as far as the crate `parquet` (version 60) reads them: it does not look whether they are
//! that, and whoever updates it looks here.

use super::thrift::{Members, Shape};

use Shape::{Byte, Double, List, Number, Octets, Structure, Truth};

/// `FileMetaData`: what the end of a file holds.
pub const METADATA: Members = &[
    (1, Number),
    (SCHEMA, List(&Structure(ELEMENT))),
    (3, Number),
    (4, List(&Structure(GROUP))),
    (5, List(&Structure(NOTE))),
    (6, Octets),
    (7, List(&Structure(&[(1, NOTHING), (2, NOTHING)]))),
];

/// The member of [`METADATA`] that lists the columns, and what they lie in.
pub const SCHEMA: i16 = 2;
/// Members of these.
pub const NAME: i16 = 4;
/// How many of the next ones lie within.
pub const CHILDREN: i16 = 5;

/// `PageHeader`: what stands before a page.
pub const PAGE_HEADER: Members = &[
    (1, Number),
    (2, Number),
    (3, Number),
    (4, Number),
    (5, Structure(&[(1, Number), (2, Number), (3, Number), (4, Number), (5, STATISTICS)])),
    (6, NOTHING),
    (7, Structure(&[(1, Number), (2, Number), (3, Truth)])),
    (
        8,
        Structure(&[
            (1, Number),
            (2, Number),
            (3, Number),
            (4, Number),
            (5, Number),
            (6, Number),
            (7, Truth),
            (8, STATISTICS),
        ]),
    ),
];

/// `BloomFilterHeader`: what stands before the blocks of a Bloom filter.
pub const FILTER_HEADER: Members = &[
    (1, Number),
    (2, Structure(&[(1, NOTHING)])),
    (3, Structure(&[(1, NOTHING)])),
    (4, Structure(&[(1, NOTHING)])),
];

/// A structure without known members.
const NOTHING: Shape = Structure(&[]);

/// `SchemaElement`.
const ELEMENT: Members = &[
    (1, Number),
    (2, Number),
    (3, Number),
    (NAME, Octets),
    (CHILDREN, Number),
    (6, Number),
    (7, Number),
    (8, Number),
    (9, Number),
    (10, LOGICAL_TYPE),
];

const LOGICAL_TYPE: Shape = Structure(&[
    (1, NOTHING),
    (2, NOTHING),
    (3, NOTHING),
    (4, NOTHING),
    (5, Structure(&[(1, Number), (2, Number)])),
    (6, NOTHING),
    (7, TIME),
    (8, TIME),
    (10, Structure(&[(1, Byte), (2, Truth)])),
    (11, NOTHING),
    (12, NOTHING),
    (13, NOTHING),
    (14, NOTHING),
    (15, NOTHING),
    (16, Structure(&[(1, Byte)])),
    (17, Structure(&[(1, Octets)])),
    (18, Structure(&[(1, Octets), (2, Number)])),
    (19, NOTHING),
]);

const TIME: Shape =
    Structure(&[(1, Truth), (2, Structure(&[(1, NOTHING), (2, NOTHING), (3, NOTHING)]))]);

/// `RowGroup`.
const GROUP: Members = &[
    (1, List(&Structure(CHUNK))),
    (2, Number),
    (3, Number),
    (4, List(&Structure(&[(1, Number), (2, Truth), (3, Truth)]))),
    (5, Number),
    (6, Number),
    (7, Number),
];

/// `ColumnChunk`.
const CHUNK: Members = &[
    (1, Octets),
    (2, Number),
    (3, Structure(COLUMN)),
    (4, Number),
    (5, Number),
    (6, Number),
    (7, Number),
];

/// `ColumnMetaData`.
const COLUMN: Members = &[
    (1, Number),
    (2, List(&Number)),
    (3, List(&Octets)),
    (4, Number),
    (5, Number),
    (6, Number),
    (7, Number),
    (8, List(&Structure(NOTE))),
    (9, Number),
    (10, Number),
    (11, Number),
    (12, STATISTICS),
    (13, List(&Structure(&[(1, Number), (2, Number), (3, Number)]))),
    (14, Number),
    (15, Number),
    (16, Structure(&[(1, Number), (2, List(&Number)), (3, List(&Number))])),
    (17, Structure(&[(1, BOX), (2, List(&Number))])),
];

/// `KeyValue`.
const NOTE: Members = &[(1, Octets), (2, Octets)];

/// `Statistics`.
const STATISTICS: Shape = Structure(&[
    (1, Octets),
    (2, Octets),
    (3, Number),
    (4, Number),
    (5, Octets),
    (6, Octets),
    (7, Truth),
    (8, Truth),
    (9, Number),
]);

/// `BoundingBox`.
const BOX: Shape = Structure(&[
    (1, Double),
    (2, Double),
    (3, Double),
    (4, Double),
    (5, Double),
    (6, Double),
    (7, Double),
    (8, Double),
]);
