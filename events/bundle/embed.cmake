# Writes a source file that holds the schema's text: cmake -DOUT=x.cpp -DSCHEMA=file -P embed.cmake
file(READ ${SCHEMA} content)
file(WRITE ${OUT} "// Made from schemas/event.capnp by embed.cmake.\n#include \"events/bundle/records.h\"\n\n\
namespace banger::bundle {\n\nstd::string_view event_schema() {\n  return R\"banger-file(${content})banger-file\";\n\
}\n\n}  // namespace banger::bundle\n")
