//! The methods of what is a file: to bytes, from bytes, to a writer, from a reader.

/// Says which type of file and which header a type has.
macro_rules! typed {
    ($type:ident $(<$lifetime:lifetime>)?, $header:ty) => {
        impl $crate::wire::container::Typed for $type $(<$lifetime>)? {
            const TYPE: $crate::wire::file_type::FileType = $crate::wire::file_type::FileType::$type;
            type Header = $header;

            fn parameters(&self) -> &$crate::Parameters {
                self.parameters()
            }
        }
    };
}

macro_rules! writing_methods {
    ($type:ident $(<$lifetime:lifetime>)?, $header:ty, $name:literal) => {
        $crate::wire::methods::typed!($type $(<$lifetime>)?, $header);

        impl $type $(<$lifetime>)? {
            #[doc = concat!("The ", $name, " as the bytes of a file.")]
            pub fn to_bytes(&self) -> Vec<u8> {
                $crate::wire::container::to_bytes(self)
            }

            #[doc = concat!("Writes the ", $name, ", part after part, and flushes.")]
            ///
            /// # Errors
            /// Those of the writer.
            pub fn write(&self, writer: impl std::io::Write) -> std::io::Result<()> {
                $crate::wire::container::write(self, writer)
            }
        }
    };
}

/// The methods of a type whose files open with parameters from elsewhere.
macro_rules! bound_methods {
    ($type:ident $(<$lifetime:lifetime>)?, $header:ty, $name:literal) => {
        $crate::wire::methods::writing_methods!($type $(<$lifetime>)?, $header, $name);

        impl $type $(<$lifetime>)? {
            #[doc = concat!("The ", $name, " in these bytes.")]
            ///
            /// # Errors
            /// [`WireError`](crate::wire::WireError) that says in what the bytes fail, also if
            /// they belong to other parameters.
            pub fn from_bytes(
                parameters: &$crate::Parameters,
                bytes: &[u8],
            ) -> Result<Self, $crate::wire::error::WireError> {
                $crate::wire::container::from_bytes(bytes, |digest, _| {
                    $crate::wire::container::same_digest(parameters, digest)
                })
            }

            #[doc = concat!("Reads one ", $name, " and leaves what follows it in the reader.")]
            ///
            /// # Errors
            /// As [`from_bytes`](Self::from_bytes), and those of the reader.
            pub fn read(
                parameters: &$crate::Parameters,
                reader: impl std::io::Read,
            ) -> Result<Self, $crate::wire::error::WireError> {
                $crate::wire::container::read(reader, |digest, _| {
                    $crate::wire::container::same_digest(parameters, digest)
                })
            }
        }
    };
}

/// The methods of a type whose files bring their parameters along.
macro_rules! self_contained_methods {
    ($type:ty, $name:literal) => {
        impl $type {
            #[doc = concat!("The ", $name, " in these bytes, with the parameters in them.")]
            ///
            /// # Errors
            /// [`WireError`](crate::wire::WireError) that says in what the bytes fail, also if
            /// the parameters are refused.
            pub fn from_bytes(bytes: &[u8]) -> Result<Self, $crate::wire::error::WireError> {
                $crate::wire::container::from_bytes(
                    bytes,
                    $crate::wire::self_contained::from_header,
                )
            }

            #[doc = concat!("Reads one ", $name, " and leaves what follows it in the reader.")]
            ///
            /// # Errors
            /// As [`from_bytes`](Self::from_bytes), and those of the reader.
            pub fn read(
                reader: impl std::io::Read,
            ) -> Result<Self, $crate::wire::error::WireError> {
                $crate::wire::container::read(reader, $crate::wire::self_contained::from_header)
            }
        }
    };
}

pub(super) use {bound_methods, self_contained_methods, typed, writing_methods};
