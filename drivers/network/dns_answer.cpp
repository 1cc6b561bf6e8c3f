#include "drivers/network/dns_answer.h"

#include <ldns/ldns.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "events/assert.h"

namespace banger::network {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kHeaderBytes = 12;
constexpr std::uint8_t kResponse = 0x80;          // third byte: QR
constexpr std::uint8_t kOpcode = 0x78;            // third byte
constexpr std::uint8_t kRecursionDesired = 0x01;  // third byte
constexpr std::uint16_t kOurUdpSize = 1232;       // what fits any path unfragmented; only told, as EDNS wants it

struct FreePacket {
  void operator()(ldns_pkt* packet) const { ldns_pkt_free(packet); }
};
using Packet = std::unique_ptr<ldns_pkt, FreePacket>;

std::uint16_t number_at(std::span<const std::uint8_t> bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

// A header alone, for a query whose rest can't be trusted to be written again.
Bytes bare(std::span<const std::uint8_t> query, std::uint8_t rcode) {
  Bytes answer(kHeaderBytes);
  answer[0] = query[0];
  answer[1] = query[1];
  answer[2] = static_cast<std::uint8_t>(kResponse | (query[2] & (kOpcode | kRecursionDesired)));
  answer[3] = rcode;
  return answer;
}

// The labels of an uncompressed name, in lower case and without the root: "Web.vm." is {"web", "vm"}.
// Nothing where it has more than two, or something that no name of ours has.
std::optional<std::vector<std::string>> two_labels(const ldns_rdf* name) {
  std::string_view wire(reinterpret_cast<const char*>(ldns_rdf_data(name)), ldns_rdf_size(name));
  std::vector<std::string> labels;
  while (!wire.empty() && wire.front() != 0) {
    const auto length = static_cast<std::uint8_t>(wire.front());
    if (length >= wire.size() || labels.size() == 2) return std::nullopt;
    std::string& label = labels.emplace_back(wire.substr(1, length));
    for (char& letter : label) {
      if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
    }
    wire.remove_prefix(length + std::size_t{1});
  }
  return labels;
}

bool in_our_domain(const ldns_rdf* name) {
  const std::uint8_t labels = ldns_dname_label_count(name);
  if (labels == 0) return false;
  ldns_rdf* last = ldns_dname_label(name, static_cast<std::uint8_t>(labels - 1));
  BANGER_ASSERT(last != nullptr);
  const auto domain = two_labels(last);
  ldns_rdf_deep_free(last);
  return domain == std::vector<std::string>{"vm"};
}

ldns_rr* address_record(const ldns_rdf* owner, Ipv4 address) {
  std::array<std::uint8_t, 4> bytes{};
  for (std::size_t i = 0; i < 4; ++i) bytes[i] = static_cast<std::uint8_t>(address.value >> (24 - 8 * i));
  ldns_rr* record = ldns_rr_new();
  ldns_rr_set_owner(record, ldns_rdf_clone(owner));
  ldns_rr_set_type(record, LDNS_RR_TYPE_A);
  ldns_rr_set_class(record, LDNS_RR_CLASS_IN);
  ldns_rr_set_ttl(record, kAnswerTtlSeconds);
  ldns_rr_push_rdf(record, ldns_rdf_new_frm_data(LDNS_RDF_TYPE_A, bytes.size(), bytes.data()));
  return record;
}

// Fills in the code, and the record where there is one.
void decide_answer(const ldns_rr* question, const NameTable& names, ldns_pkt* answer) {
  const ldns_rdf* name = ldns_rr_owner(question);
  if (ldns_rr_get_class(question) != LDNS_RR_CLASS_IN || !in_our_domain(name)) {
    ldns_pkt_set_rcode(answer, LDNS_RCODE_REFUSED);
    return;
  }
  ldns_pkt_set_aa(answer, true);
  const auto labels = two_labels(name);
  const bool is_domain_itself = labels && labels->size() == 1;  // "vm." is there, with no records of its own
  const auto found = labels && labels->size() == 2 ? names.find(labels->front()) : names.end();
  if (found == names.end()) {
    ldns_pkt_set_rcode(answer, is_domain_itself ? LDNS_RCODE_NOERROR : LDNS_RCODE_NXDOMAIN);
    return;
  }
  const auto type = ldns_rr_get_type(question);
  if (type == LDNS_RR_TYPE_A || type == LDNS_RR_TYPE_ANY) {
    ldns_pkt_push_rr(answer, LDNS_SECTION_ANSWER, address_record(name, found->second));
  }
}

}  // namespace

std::optional<Bytes> answer_query(std::span<const std::uint8_t> query, const NameTable& names) {
  if (query.size() < kHeaderBytes || (query[2] & kResponse) != 0) return std::nullopt;
  if ((query[2] & kOpcode) != 0) return bare(query, LDNS_RCODE_NOTIMPL);
  // One question, and at most what EDNS adds. Looked at before the parser, so that nobody makes it work for long.
  const bool plain = number_at(query, 4) == 1 && number_at(query, 6) == 0 && number_at(query, 8) == 0 &&
                     number_at(query, 10) <= 1 && query.size() <= kMaxQueryBytes;
  if (!plain) return bare(query, LDNS_RCODE_FORMERR);
  ldns_pkt* raw = nullptr;
  const ldns_status parsed = ldns_wire2pkt(&raw, query.data(), query.size());
  const Packet asked(parsed == LDNS_STATUS_OK ? raw : nullptr);
  if (!asked || ldns_rr_list_rr_count(ldns_pkt_question(asked.get())) != 1) return bare(query, LDNS_RCODE_FORMERR);

  const ldns_rr* question = ldns_rr_list_rr(ldns_pkt_question(asked.get()), 0);
  const Packet answer(ldns_pkt_new());
  BANGER_ASSERT(answer != nullptr);
  ldns_pkt_set_id(answer.get(), ldns_pkt_id(asked.get()));
  ldns_pkt_set_qr(answer.get(), true);
  ldns_pkt_set_rd(answer.get(), ldns_pkt_rd(asked.get()));
  ldns_pkt_push_rr(answer.get(), LDNS_SECTION_QUESTION, ldns_rr_clone(question));
  if (ldns_pkt_edns(asked.get())) ldns_pkt_set_edns_udp_size(answer.get(), kOurUdpSize);
  if (ldns_pkt_edns(asked.get()) && ldns_pkt_edns_version(asked.get()) != 0) {
    ldns_pkt_set_edns_extended_rcode(answer.get(), 1);  // BADVERS is 16: its upper eight bits (RFC 6891, 6.1.3)
  } else {
    decide_answer(question, names, answer.get());
  }

  std::uint8_t* wire = nullptr;
  std::size_t size = 0;
  if (ldns_pkt2wire(&wire, answer.get(), &size) != LDNS_STATUS_OK) return bare(query, LDNS_RCODE_SERVFAIL);
  Bytes bytes(wire, wire + size);
  std::free(wire);  // the library's malloc
  BANGER_ASSERT(bytes.size() <= kMaxAnswerBytes);
  return bytes;
}

}  // namespace banger::network
