// A plain struct tells its fields' names once, in fields(); JSON, tables, diffs and tests read them there.
// Not for storage: the stored form is schemas/*.capnp, mapped by hand in events/codec.
#pragma once

#include <tuple>
#include <utility>

namespace banger {

template <class Struct, class Member>
struct Field {
  const char* name;
  Member Struct::*member;
};

template <class Struct, class Member>
[[nodiscard]] constexpr Field<Struct, Member> field(const char* name, Member Struct::*member) {
  return {name, member};
}

template <class T>
concept HasFields = requires { T::fields(); };

// Calls visit(name, member) for each field, in the order of declaration.
template <HasFields T, class Visit>
constexpr void for_each_field(T& value, Visit&& visit) {
  std::apply([&](const auto&... each) { (visit(each.name, value.*(each.member)), ...); },
             std::remove_cvref_t<T>::fields());
}

}  // namespace banger
