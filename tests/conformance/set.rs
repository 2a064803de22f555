//! Sets of the format `pool-golden-1`: a manifest, and tensors in one binary file.

use crate::value::Value;
use lanepool::Shape;
use serde_json::{Map, Value as Json};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

pub struct Case {
    pub id: u64,
    pub op: String,
    pub dtype: String,
    pub layout: String,
    pub tags: Vec<String>,
    pub attrs: Attrs,
    pub inputs: Vec<Tensor>,
    pub outputs: Vec<Tensor>,
}

/// Numbers in the order in which they are stored, little-endian.
pub struct Tensor {
    pub name: String,
    pub dtype: String,
    pub shape: Vec<usize>,
    pub source: String,
    bytes: Vec<u8>,
}

/// An image batch in the order batch, channel, then row-major, with three spatial axes; those that it
/// lacks have an extent of 1.
#[derive(Clone)]
pub struct Image<T> {
    pub shape: Shape<3>,
    pub values: Vec<T>,
}

/// Attributes, which remember what was asked for, so that an unknown one shows.
pub struct Attrs {
    all: Map<String, Json>,
    asked: RefCell<BTreeSet<String>>,
}

pub fn read(directory: &Path) -> Vec<Case> {
    let name = |file: &str| directory.join(file);
    let text = std::fs::read(name("golden.json")).unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
    let manifest: Json = serde_json::from_slice(&text).expect("a manifest in JSON");
    assert_eq!(manifest["format"], "pool-golden-1");
    assert_eq!(manifest["endian"], "little");
    let blob = std::fs::read(name(text_of(&manifest["blob"]))).expect("the tensors");
    list(&manifest["cases"]).iter().map(|case| Case::parse(case, &blob)).collect()
}

fn text_of(json: &Json) -> &str {
    json.as_str().unwrap_or_else(|| panic!("{json} is no text"))
}

fn number_of(json: &Json) -> usize {
    json.as_u64().unwrap_or_else(|| panic!("{json} is no natural number")) as usize
}

fn list(json: &Json) -> &[Json] {
    json.as_array().unwrap_or_else(|| panic!("{json} is no list"))
}

impl Case {
    fn parse(json: &Json, blob: &[u8]) -> Self {
        let tensors = |json| list(json).iter().map(|tensor| Tensor::parse(tensor, blob)).collect();
        Self {
            id: number_of(&json["id"]) as u64,
            op: text_of(&json["op"]).into(),
            dtype: text_of(&json["dtype"]).into(),
            layout: text_of(&json["layout"]).into(),
            tags: list(&json["tags"]).iter().map(|tag| text_of(tag).into()).collect(),
            attrs: Attrs { all: json["attrs"].as_object().expect("attributes").clone(), asked: RefCell::default() },
            inputs: tensors(&json["inputs"]),
            outputs: tensors(&json["outputs"]),
        }
    }

    pub fn name(&self) -> String {
        let attrs = Json::Object(self.attrs.all.clone());
        let shapes: Vec<_> = self.inputs.iter().map(|tensor| &tensor.shape).collect();
        let Self { id, op, dtype, layout, tags, .. } = self;
        format!("id {id} {op} {dtype} {layout} {shapes:?} {tags:?} {attrs}")
    }

    pub fn tagged(&self, tag: &str) -> bool {
        self.tags.iter().any(|own| own == tag)
    }

    pub fn input(&self, name: &str) -> Result<&Tensor, String> {
        self.inputs.iter().find(|tensor| tensor.name == name).ok_or(format!("no input {name:?}"))
    }

    pub fn output(&self, name: &str) -> Option<&Tensor> {
        self.outputs.iter().find(|tensor| tensor.name == name)
    }

    pub fn y(&self) -> Result<&Tensor, String> {
        self.output("y").ok_or("no output \"y\"".into())
    }

    /// That every tensor and attribute means something to us.
    pub fn check_known(&self, inputs: &[&str], outputs: &[&str]) -> Result<(), String> {
        for (tensors, known) in [(&self.inputs, inputs), (&self.outputs, outputs)] {
            for tensor in tensors {
                if !known.contains(&&*tensor.name) {
                    return Err(format!("unknown tensor {:?}", tensor.name));
                }
            }
        }
        let asked = self.attrs.asked.borrow();
        match self.attrs.all.keys().find(|key| !asked.contains(*key)) {
            Some(key) => Err(format!("unknown attribute {key:?}")),
            None => Ok(()),
        }
    }
}

impl Tensor {
    fn parse(json: &Json, blob: &[u8]) -> Self {
        let (offset, bytes) = (number_of(&json["offset"]), number_of(&json["bytes"]));
        Self {
            name: text_of(&json["name"]).into(),
            dtype: text_of(&json["dtype"]).into(),
            shape: list(&json["shape"]).iter().map(number_of).collect(),
            source: json["source"].as_str().unwrap_or_default().into(),
            bytes: blob[offset..offset + bytes].to_vec(),
        }
    }

    fn read<T>(&self, dtype: &str, number: impl Fn(&[u8]) -> T) -> Result<Vec<T>, String> {
        if self.dtype != dtype {
            return Err(format!("{:?} is of {}, not of {dtype}", self.name, self.dtype));
        }
        let values: Vec<T> = self.bytes.chunks_exact(size_of::<T>()).map(number).collect();
        let cells: usize = self.shape.iter().product();
        if values.len() == cells { Ok(values) } else { Err(format!("{:?} has {} values", self.name, values.len())) }
    }

    pub fn values<T: Value>(&self) -> Result<Vec<T>, String> {
        self.read(T::NAME, T::from_le)
    }

    pub fn integers(&self) -> Result<Vec<i64>, String> {
        self.read("i64", |bytes| i64::from_le_bytes(bytes.try_into().expect("eight bytes")))
    }

    /// The shape, and whether channels come last.
    pub fn shape(&self, layout: &str) -> Result<(Shape<3>, bool), String> {
        let (axes, last) = match layout {
            "ncw" => (1, false),
            "nchw" => (2, false),
            "ncdhw" => (3, false),
            // The format names only the first of these; the others can mean nothing else.
            "nhwc" => (2, true),
            "nwc" => (1, true),
            "ndhwc" => (3, true),
            other => return Err(format!("unknown layout {other:?} of images")),
        };
        if self.shape.len() != axes + 2 {
            return Err(format!("{:?} has shape {:?}, but layout {layout}", self.name, self.shape));
        }
        let (channels, first) = if last { (axes + 1, 1) } else { (1, 2) };
        let mut spatial = [1; 3];
        spatial[3 - axes..].copy_from_slice(&self.shape[first..][..axes]);
        Ok((Shape { batch: self.shape[0], channels: self.shape[channels], spatial }, last))
    }

    /// Numbers as an image batch, however they are stored.
    fn arrange<T: Copy>(&self, layout: &str, stored: Vec<T>) -> Result<Image<T>, String> {
        let (shape, last) = self.shape(layout)?;
        if !last {
            return Ok(Image { shape, values: stored });
        }
        let cells: usize = shape.spatial.iter().product();
        let mut values = Vec::with_capacity(stored.len());
        for n in 0..shape.batch {
            for c in 0..shape.channels {
                values.extend((0..cells).map(|cell| stored[(n * cells + cell) * shape.channels + c]));
            }
        }
        Ok(Image { shape, values })
    }

    pub fn image<T: Value>(&self, layout: &str) -> Result<Image<T>, String> {
        self.arrange(layout, self.values()?)
    }

    pub fn integer_image(&self, layout: &str) -> Result<Image<i64>, String> {
        self.arrange(layout, self.integers()?)
    }
}

impl Attrs {
    /// An attribute, absent if null.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.asked.borrow_mut().insert(name.into());
        self.all.get(name).filter(|json| !json.is_null())
    }

    pub fn flag(&self, name: &str) -> Result<bool, String> {
        match self.get(name) {
            None => Ok(false),
            Some(json) => match (json.as_bool(), json.as_u64()) {
                (Some(flag), _) => Ok(flag),
                (_, Some(number @ 0..=1)) => Ok(number == 1),
                _ => Err(format!("{name} is {json}")),
            },
        }
    }

    pub fn number(&self, name: &str) -> Result<Option<f64>, String> {
        let number = |json: &Json| json.as_f64().ok_or(format!("{name} is {json}"));
        self.get(name).map(number).transpose()
    }

    pub fn text(&self, name: &str) -> Result<Option<&str>, String> {
        let text = |json| Json::as_str(json).ok_or(format!("{name} is {json}"));
        self.get(name).map(text).transpose()
    }

    pub fn numbers(&self, name: &str) -> Result<Option<Vec<f64>>, String> {
        let number = |json: &Json| json.as_f64().ok_or(format!("{name} has {json}"));
        match self.get(name) {
            None => Ok(None),
            Some(Json::Array(all)) => all.iter().map(number).collect::<Result<_, _>>().map(Some),
            Some(json) => Ok(Some(vec![number(json)?])),
        }
    }

    /// One natural number for each of `axes` axes; null is `None`, one number is that of every axis.
    pub fn sizes(&self, name: &str, axes: usize) -> Result<Option<Vec<Option<usize>>>, String> {
        let size = |json: &Json| match json {
            Json::Null => Ok(None),
            _ => json.as_u64().map(|size| Some(size as usize)).ok_or(format!("{name} has {json}")),
        };
        let sizes: Vec<_> = match self.get(name) {
            None => return Ok(None),
            Some(Json::Array(all)) => all.iter().map(size).collect::<Result<_, _>>()?,
            Some(json) => vec![size(json)?; axes],
        };
        if sizes.len() == axes { Ok(Some(sizes)) } else { Err(format!("{name} is {sizes:?} on {axes} axes")) }
    }

    /// As [`Attrs::sizes`], on the last of three axes; the others have `otherwise`.
    pub fn lifted(&self, name: &str, axes: usize, otherwise: usize) -> Result<Option<[usize; 3]>, String> {
        let Some(sizes) = self.sizes(name, axes)? else { return Ok(None) };
        let mut lifted = [otherwise; 3];
        for (to, size) in lifted[3 - axes..].iter_mut().zip(sizes) {
            *to = size.ok_or(format!("{name} has null"))?;
        }
        Ok(Some(lifted))
    }
}
