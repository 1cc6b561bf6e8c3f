@0xe219897738964efe;
using Cxx = import "/capnp/c++.capnp"; $Cxx.namespace("banger::schema");
