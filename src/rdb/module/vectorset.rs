//! Vector set, `vectorset` version 0.
//!
//! ```text
//! U dim | U count | U config: bits 0-7 quantization, bits 8-23 M | U flags: 1 projection, 2 attributes
//! flag 1:  U input dim | S matrix: input dim * dim of f32 LE
//! count *  S element | flag 2: S attributes, "" for none | S vector | U n | n * U param
//! vector:  0 f32: 4 * dim bytes   1 int8: dim   2 binary: 8 * ceil(dim / 64)
//! params:  node id | level + (version << 24) | each level, 0 first: links, max links, links * id, worst | norm
//! ```

use super::{Field, Fields, Flaw, Layout, Module, Step};

const MAX_DIM: u64 = 65536;
const PROJECTION: u64 = 1;
const ATTRIBUTES: u64 = 2;
/// The one version of a node's params whose order is known.
const NODE_VERSION: u64 = 1;

/// Fields as `VINFO` names them, less `vset-uid`, which is not stored. `max_level` and `hnsw_max_node_uid` are the
/// greatest that a stored node has.
#[derive(Debug, Default)]
pub(super) struct VectorSet {
    next: Next,
    header: Fields,
    dim: u64,
    count: u64,
    quant: u64,
    flags: u64,
    input_dim: u64,
    elements_left: u64,
    attributes: u64,
    max_level: u64,
    max_node: u64,
    params_left: u64,
    node: Node,
    levels_left: u64,
    links_left: u64,
}

#[derive(Debug, Default, Clone, Copy)]
enum Next {
    #[default]
    Dim,
    Count,
    Config,
    Flags,
    InputDim,
    Matrix,
    Element,
    Attributes,
    Vector,
    Params,
    Param,
    End,
}

/// Where in one node's params the walk is.
#[derive(Debug, Default, Clone, Copy)]
enum Node {
    #[default]
    Id,
    Level,
    Links,
    MaxLinks,
    Link,
    Worst,
    Norm,
    End,
    /// A version whose order is not known: only counted.
    Unknown,
}

impl VectorSet {
    fn element_or_end(&self) -> Next {
        if self.elements_left == 0 { Next::End } else { Next::Element }
    }

    /// Bytes of one vector, `dim` being at most [`MAX_DIM`].
    fn vector_bytes(&self) -> u64 {
        match self.quant {
            0 => self.dim.saturating_mul(4),
            1 => self.dim,
            _ => self.dim.div_ceil(64).saturating_mul(8),
        }
    }

    /// Takes one param, after it was counted off `params_left`.
    fn param(&mut self, step: &Step<'_>) -> Result<(), Flaw> {
        let value = step.uint()?;
        self.node = match self.node {
            Node::Id => {
                self.max_node = self.max_node.max(value);
                Node::Level
            }
            Node::Level if value >> 24 == NODE_VERSION => {
                let level = value & 0xff_ffff;
                self.max_level = self.max_level.max(level);
                self.levels_left = level.saturating_add(1);
                Node::Links
            }
            Node::Level | Node::Unknown => Node::Unknown,
            Node::Links => {
                if value > self.params_left {
                    return Err(step.unlike(format!("at most {} links, the params that are left", self.params_left)));
                }
                self.links_left = value;
                Node::MaxLinks
            }
            Node::MaxLinks if self.links_left == 0 => Node::Worst,
            Node::MaxLinks => Node::Link,
            Node::Link => {
                self.links_left = self.links_left.saturating_sub(1);
                if self.links_left == 0 { Node::Worst } else { Node::Link }
            }
            Node::Worst => {
                self.levels_left = self.levels_left.saturating_sub(1);
                if self.levels_left == 0 { Node::Norm } else { Node::Links }
            }
            Node::Norm => Node::End,
            Node::End => return Err(step.unlike("the end of the params, by their levels and links")),
        };
        if self.params_left == 0 && !matches!(self.node, Node::End | Node::Unknown) {
            return Err(step.unlike("more params, by their levels and links"));
        }
        Ok(())
    }
}

impl Layout for VectorSet {
    fn wants(&self) -> Option<&'static str> {
        Some(match self.next {
            Next::Dim => "vector set dim",
            Next::Count => "vector set count",
            Next::Config => "vector set configuration",
            Next::Flags => "vector set flags",
            Next::InputDim => "vector set input dim",
            Next::Matrix => "vector set projection matrix",
            Next::Element => "vector set element",
            Next::Attributes => "vector set attributes",
            Next::Vector => "vector set vector",
            Next::Params => "vector set number of params",
            Next::Param => "vector set param",
            Next::End => return None,
        })
    }

    fn take(&mut self, step: &Step<'_>) -> Result<(), Flaw> {
        self.next = match self.next {
            Next::Dim => {
                self.dim = self.header.uint("vector_dim", step)?;
                if self.dim == 0 || self.dim > MAX_DIM {
                    return Err(step.unlike(format!("1 to {MAX_DIM}")));
                }
                Next::Count
            }
            Next::Count => {
                self.count = self.header.uint("size", step)?;
                Next::Config
            }
            Next::Config => {
                let config = step.uint()?;
                self.quant = config & 0xff;
                let name = match self.quant {
                    0 => "f32",
                    1 => "int8",
                    2 => "bin",
                    _ => return Err(step.unlike("a quantization of 0, 1 or 2 in the low byte")),
                };
                self.header.put("quant_type", Field::Text(name.into()));
                self.header.put("hnsw_m", Field::Uint(config >> 8 & 0xffff));
                Next::Flags
            }
            Next::Flags => {
                self.flags = step.uint()?;
                if self.flags & !(PROJECTION | ATTRIBUTES) != 0 {
                    return Err(step.unlike("no flags but 1 and 2"));
                }
                self.elements_left = self.count;
                if self.flags & PROJECTION != 0 {
                    Next::InputDim
                } else {
                    self.header.put("projection_input_dim", Field::Uint(0));
                    self.element_or_end()
                }
            }
            Next::InputDim => {
                self.input_dim = self.header.uint("projection_input_dim", step)?;
                Next::Matrix
            }
            Next::Matrix => {
                let bytes = self.input_dim.checked_mul(self.dim).and_then(|n| n.checked_mul(4));
                step.blob(bytes, "4 for each of input dim times dim")?;
                self.element_or_end()
            }
            Next::Element => {
                step.string()?;
                if self.flags & ATTRIBUTES != 0 { Next::Attributes } else { Next::Vector }
            }
            Next::Attributes => {
                if step.string()?.len > 0 {
                    self.attributes = self.attributes.saturating_add(1);
                }
                Next::Vector
            }
            Next::Vector => {
                step.blob(Some(self.vector_bytes()), "dim and quantization")?;
                Next::Params
            }
            Next::Params => {
                self.params_left = step.uint()?;
                if self.params_left == 0 {
                    return Err(step.unlike("an id, a level and a norm at least"));
                }
                self.node = Node::Id;
                Next::Param
            }
            Next::Param => {
                self.params_left = self.params_left.saturating_sub(1);
                self.param(step)?;
                if self.params_left > 0 {
                    Next::Param
                } else {
                    self.elements_left = self.elements_left.saturating_sub(1);
                    self.element_or_end()
                }
            }
            Next::End => Next::End,
        };
        Ok(())
    }

    fn report(self: Box<Self>, module: &mut Module) {
        let mut header = self.header;
        module.elements = Some(self.count);
        if module.flaw.is_none() {
            header.put("max_level", Field::Uint(self.max_level));
            header.put("attributes_count", Field::Uint(self.attributes));
            header.put("hnsw_max_node_uid", Field::Uint(self.max_node));
        }
        module.header = header.0;
    }
}
