// The one place that knows which Catch2 there is: Debian 12 has 2.13, Debian 13 has 3.
// Tests include this and nothing else of Catch.
#pragma once

#if __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
