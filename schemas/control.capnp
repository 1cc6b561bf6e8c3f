@0xda11011608a2c827;
using Cxx = import "/capnp/c++.capnp"; $Cxx.namespace("banger::schema");
