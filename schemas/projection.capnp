@0xaa582cac7e201c62;
using Cxx = import "/capnp/c++.capnp"; $Cxx.namespace("banger::schema");
