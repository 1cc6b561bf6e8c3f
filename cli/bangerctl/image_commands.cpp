#include <CLI/CLI.hpp>
#include <cstdio>
#include <deque>

#include "cli/bangerctl/audit/past.h"
#include "cli/bangerctl/context.h"
#include "cli/bangerctl/log/parked.h"
#include "cli/bangerctl/render_json.h"
#include "cli/bangerctl/rows.h"
#include "cli/bangerctl/sizes.h"
#include "cli/bangerctl/table.h"
#include "cli/bangerctl/terminal.h"
#include "cli/bangerctl/vm_watch.h"
#include "cli/common/paths.h"

namespace banger::ctl {
namespace {

constexpr std::uint64_t kWaitMs = 20'000;
constexpr int kGoneRounds = 120;

struct ImageOptions {
  std::string name;
  std::string recipe;
  std::string path;
  std::vector<std::string> images;
  bool detach = false;
  bool quiet = false;
  std::string at;
};

Answer<std::optional<Image>> image_by_id(Session& session, std::uint64_t id) {
  const auto images = read_images(session);
  if (!images) return std::unexpected(images.error());
  for (const Image& image : *images) {
    if (image.id.value == id) return image;
  }
  return std::nullopt;
}

// What the making of an image prints, on stderr: for a person a bar by its steps ("step 2/5 what"),
// and the last lines where it failed; else line by line.
class MakingLines {
 public:
  void add(std::string_view line) {
    if (!progress_.visible()) return remark(escape(line));
    last_.emplace_back(escape(line));
    if (last_.size() > kMostLines) last_.pop_front();
    unsigned step = 0, steps = 0;
    int rest = 0;
    if (std::sscanf(last_.back().c_str(), "step %u/%u %n", &step, &steps, &rest) == 2 && rest > 0) {
      progress_.clear();  // a new step is shown at once
      progress_.show(last_.back().substr(static_cast<std::size_t>(rest)), "steps",
                     step == 0 ? 0 : step - 1, steps);
    }
  }
  void ended(bool ready) {
    progress_.clear();
    if (ready) return;
    for (const std::string& line : last_) note(line);
  }

 private:
  static constexpr std::size_t kMostLines = 20;
  Progress progress_;
  std::deque<std::string> last_;
};

// Until the making has ended one way or the other.
Answer<Image> follow_making(Session& session, std::uint64_t id) {
  std::uint64_t line = 0;
  MakingLines shown;
  for (;;) {
    auto answer = session.call([&](schema::Control::Client control) {
      auto request = control.imageProgressRequest();
      request.setImageId(id);
      request.setFromLine(line);
      request.setTimeoutMs(kWaitMs);
      return request.send();
    });
    if (!answer) return std::unexpected(answer.error());
    for (const auto text : answer->getLines()) shown.add({text.cStr(), text.size()});
    line = answer->getNextLine();
    if (answer->getRunning()) continue;
    auto image = image_by_id(session, id);
    if (!image) return std::unexpected(image.error());
    if (!*image) return failed("the image was deleted meanwhile");
    if ((*image)->state != ImageState::kMaking) {
      shown.ended((*image)->state == ImageState::kReady);
      return **std::move(image);
    }
    // The daemon came back and has yet to take the making up again.
    session.timer().afterDelay(200 * kj::MILLISECONDS).wait(session.io().waitScope);
  }
}

Answer<int> make(Context& context, const ImageOptions& options) {
  Session& session = context.session();
  const auto accepted = submit(session, [&](schema::Intent::Builder intent) {
    auto out = intent.initMakeImage();
    out.setName(options.name);
    out.setRecipe(options.recipe);
    if (!options.path.empty()) out.setImportPath(cli::absolute_path(options.path));
  });
  if (!accepted) return std::unexpected(accepted.error());
  if (!options.detach) {
    const auto image = follow_making(session, accepted->stream.id);
    if (!image) return std::unexpected(image.error());
    if (image->state != ImageState::kReady) {
      return failed("image " + image->name + " is " + std::string(name_of(image->state)) +
                        (image->last_error.empty() ? "" : ": " + image->last_error),
                    "bangerctl image rm " + image->name + ", and again");
    }
  }
  return printed(escape(options.name) + "\n");
}

Answer<int> build(Context& context, ImageOptions options) {
  if (options.recipe.empty()) options.recipe = options.name;
  return make(context, options);
}

Answer<WithParked<Image>> images_then(Session& session, const std::string& moment) {
  const auto when = read_when(moment);
  if (!when) return std::unexpected(when.error());
  auto list = images_at(session, *when);
  if (!list) return std::unexpected(list.error());
  note_moment(list->at);
  return with_parked(session, std::move(list->things));
}

Answer<Image> image_then(Session& session, const ImageOptions& options) {
  const auto when = read_when(options.at);
  if (!when) return std::unexpected(when.error());
  auto then = image_at(session, *when, options.name);
  if (!then) return std::unexpected(then.error());
  note_moment(then->at);
  return std::move(then->image);
}

Answer<int> list(Context& context, const ImageOptions& options) {
  Session& session = context.session();
  const auto listed = options.at.empty() ? read_with_parked(session, kImages.name, images_of)
                                         : images_then(session, options.at);
  if (!listed) return std::unexpected(listed.error());
  const auto& [images, parked] = *listed;
  if (options.quiet) {
    std::string lines;
    for (const Image& image : images) lines += image.id.hex() + "\n";
    return printed(lines);
  }
  if (context.json()) return printed(dump(json_with_parked(images, parked)) + "\n");
  Table table({"NAME", "STATE", "SOURCE", "SIZE", "ON DISK", age_title(), "DIGEST"});
  for (const Image& image : images) {
    const bool ready = image.state == ImageState::kReady;
    const bool stands_still = parked.contains(stream_of(image.id));
    table.add({image.name, stands_still ? "parked" : std::string(name_of(image.state)),
               image.source == ImageSource::kRecipe ? "recipe " + image.recipe : "import",
               ready ? format_bytes(image.virtual_bytes) : "",
               ready ? format_bytes(image.disk_bytes) : "", age_cell(image.created_at_ns),
               ready ? to_hex(image.digest).substr(0, 12) : ""});
    table.tone(stands_still || image.state == ImageState::kFailed ? Tone::kBad
               : ready                                             ? Tone::kGood
                                                                   : Tone::kBusy,
               1);
  }
  const auto done = printed(table);
  note_parked(parked, StreamKind::kImage);
  return done;
}

Answer<int> show(Context& context, const ImageOptions& options) {
  const auto image = options.at.empty() ? find_image(context.session(), options.name)
                                        : image_then(context.session(), options);
  if (!image) return std::unexpected(image.error());
  if (context.json()) return printed(dump(to_json(*image)) + "\n");
  const bool ready = image->state == ImageState::kReady;
  return printed(describe({{"Name", image->name},
                           {"Id", image->id.hex()},
                           {"State", std::string(name_of(image->state))},
                           {"Last error", image->last_error},
                           {"Source", std::string(name_of(image->source))},
                           {"Recipe", image->recipe},
                           {"Path", image->path},
                           {"Size", ready ? format_bytes(image->virtual_bytes) : ""},
                           {"On disk", ready ? format_bytes(image->disk_bytes) : ""},
                           {"Digest", ready ? to_hex(image->digest) : ""},
                           {"Created", when_in_full(image->created_at_ns)},
                           {"Last event", std::to_string(image->last_sequence)}}));
}

Answer<void> await_gone(Session& session, std::uint64_t id) {
  for (int round = 0; round < kGoneRounds; ++round) {
    const auto image = image_by_id(session, id);
    if (!image) return std::unexpected(image.error());
    if (!*image) return {};
    auto waited = session.call([&](schema::Control::Client control) {
      auto request = control.awaitStreamRequest();
      request.setStreamKind(static_cast<std::uint16_t>(StreamKind::kImage));
      request.setStreamId(id);
      request.setAfterSequence((*image)->last_sequence);
      request.setTimeoutMs(1000);
      return request.send();
    });
    if (!waited) return std::unexpected(waited.error());
  }
  return failed("the image is still being deleted", "bangerctl image ls");
}

Answer<int> remove(Context& context, const ImageOptions& options) {
  Session& session = context.session();
  const auto accepted = submit_each(session, options.images.size(),
                                    [&](schema::Intent::Builder intent, std::size_t i) {
                                      intent.setDeleteImage(options.images[i]);
                                    });
  int code = kOk;
  for (std::size_t i = 0; i < accepted.size(); ++i) {
    const auto gone = accepted[i] ? await_gone(session, accepted[i]->stream.id)
                                  : Answer<void>(std::unexpected(accepted[i].error()));
    if (!gone) {
      complain(gone.error());
      code = std::max(code, gone.error().exit);
      continue;
    }
    const auto done = print(escape(options.images[i]) + "\n");
    if (!done) return std::unexpected(done.error());
  }
  return code;
}

}  // namespace

void add_image_verbs(const Verbs& verbs) {
  CLI::App* noun = add_verb(verbs.app, "image", "Images that VMs boot from");
  noun->require_subcommand(1);

  auto options = std::make_shared<ImageOptions>();
  CLI::App* verb = add_verb(*noun, "build", "Make an image from a recipe: tiny or debian");
  verb->add_option("name", options->name, "Name of the image")->required();
  verb->add_option("--recipe", options->recipe, "Recipe, where it is not called like the image");
  verb->add_flag("-d,--detach", options->detach, "Do not wait");
  on_chosen(verbs, verb, [options](Context& context) { return build(context, *options); });

  options = std::make_shared<ImageOptions>();
  verb = add_verb(*noun, "import",
                  "Take an image from a directory with its root file system and kernel");
  verb->add_option("name", options->name, "Name of the image")->required();
  verb->add_option("path", options->path, "Where it lies")->required();
  verb->add_flag("-d,--detach", options->detach, "Do not wait");
  on_chosen(verbs, verb, [options](Context& context) { return make(context, *options); });

  options = std::make_shared<ImageOptions>();
  verb = add_verb(*noun, "ls", "List images");
  verb->alias("list");
  verb->add_flag("-q,--quiet", options->quiet, "Ids only");
  verb->add_option("--at", options->at, "As they were then: " + std::string(kWhenForms));
  add_output_option(verb, verbs.context);
  on_chosen(verbs, verb, [options](Context& context) { return list(context, *options); });

  options = std::make_shared<ImageOptions>();
  verb = add_verb(*noun, "show", "Everything about one image");
  verb->add_option("image", options->name, "Name, id or prefix of an id")->required();
  verb->add_option("--at", options->at, "As it was then: " + std::string(kWhenForms));
  add_output_option(verb, verbs.context);
  on_chosen(verbs, verb, [options](Context& context) { return show(context, *options); });

  options = std::make_shared<ImageOptions>();
  verb = add_verb(*noun, "rm", "Delete images");
  verb->add_option("image", options->images, "Names, ids or prefixes of ids")->required();
  on_chosen(verbs, verb, [options](Context& context) { return remove(context, *options); });
}

}  // namespace banger::ctl
