"use strict";
(() => {
  // What comes from the input reaches the page as text only: textContent and attributes, never markup.
  const SVG = "http://www.w3.org/2000/svg";
  const make = (name, attributes = {}, ...inside) => fill(document.createElement(name), attributes, inside);
  const draw = (name, attributes = {}, ...inside) => fill(document.createElementNS(SVG, name), attributes, inside);
  function fill(element, attributes, inside) {
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...inside);
    return element;
  }

  const grouped = new Intl.NumberFormat("en-US");
  const keys = (number) => `${grouped.format(number)} ${number === 1 ? "key" : "keys"}`;
  function size(bytes) {
    const units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if (bytes < 1024) return `${bytes} B`;
    let at = 0;
    let number = bytes / 1024;
    while (number >= 1023.95 && at < units.length - 1) { number /= 1024; at += 1; }
    return `${number.toFixed(1)} ${units[at]}`;
  }
  function share(part, whole) {
    if (!(part > 0) || !(whole > 0)) return "0%";
    const percent = Math.floor(part * 100 / whole);
    return percent === 0 ? "<1%" : `${percent}%`;
  }
  function span(seconds) {
    for (const [unit, name] of [[31536000, "y"], [86400, "d"], [3600, "h"], [60, "m"]]) {
      if (seconds >= 2 * unit) return `${grouped.format(Math.floor(seconds / unit))}${name}`;
    }
    return `${seconds}s`;
  }

  // Light and dark: the system's choice until somebody makes another.
  function theme() {
    const root = document.documentElement;
    const system = matchMedia("(prefers-color-scheme: dark)");
    const button = make("button", { type: "button", id: "theme" });
    const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
    const show = () => { button.textContent = dark() ? "Light colours" : "Dark colours"; };
    button.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; show(); });
    system.addEventListener("change", show);
    show();
    document.querySelector(".bar-top").append(button);
  }

  // Commands to copy.
  function copying() {
    for (const box of document.querySelectorAll(".command")) {
      const code = box.querySelector("code");
      const button = make("button", { type: "button", "aria-label": "Copy the command" }, "Copy");
      const done = (text) => { button.textContent = text; setTimeout(() => { button.textContent = "Copy"; }, 1500); };
      const select = () => { getSelection().selectAllChildren(code); done("Selected"); };
      button.addEventListener("click", () => {
        if (!navigator.clipboard) { select(); return; }
        navigator.clipboard.writeText(code.textContent).then(() => done("Copied"), select);
      });
      box.append(button);
    }
  }

  // Tables: another order by the buttons in their heads, and a search.
  const compare = new Intl.Collator("en", { numeric: true }).compare;
  function sortable(table, body) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      if (!head.textContent) return;
      const button = make("button", { type: "button" }, head.textContent);
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const numeric = head.classList.contains("n");
        const was = head.getAttribute("aria-sort");
        const ascending = was ? was === "descending" : !numeric;
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
        const value = (row) => (numeric ? row.cells[column].dataset.v : row.cells[column].textContent);
        const rows = [...body.rows].map((row) => [value(row), row]);
        rows.sort(([a], [b]) => {
          // What is not known comes last in either order.
          if (numeric && (a === "" || b === "")) return (a === "") - (b === "");
          const order = numeric ? Number(a) - Number(b) : compare(a, b);
          return ascending ? order : -order;
        });
        body.append(...rows.map(([, row]) => row));
      });
    });
  }
  function searchable(table, body) {
    const label = table.caption.textContent;
    const field = make("input", { type: "search", placeholder: "Search", "aria-label": `Search: ${label}`, spellcheck: "false" });
    const count = make("output");
    const rows = [...body.rows].map((row) => [row, [...row.cells].map((cell) => cell.textContent).join(" ").toLowerCase()]);
    const search = () => {
      const words = field.value.toLowerCase().split(" ").filter(Boolean);
      let found = 0;
      for (const [row, text] of rows) {
        row.hidden = !words.every((word) => text.includes(word));
        if (!row.hidden) found += 1;
      }
      count.textContent = found === rows.length ? `${grouped.format(found)} rows` : `${grouped.format(found)} of ${grouped.format(rows.length)} rows`;
    };
    field.addEventListener("input", search);
    search();
    table.closest(".scroll").before(make("div", { class: "tools" }, field, count));
  }
  function tables() {
    for (const table of document.querySelectorAll("table[data-tools]")) {
      const [body] = table.tBodies;
      if (body.rows.length < 2) continue;
      sortable(table, body);
      if (body.rows.length > 4) searchable(table, body);
    }
  }

  // The list of prefixes: what has a word that is looked for, with the way to it.
  function prefixes() {
    const tree = document.querySelector(".tree");
    const items = tree ? [...tree.querySelectorAll("li:not(.others)")] : [];
    if (items.length < 5) return;
    const names = new Map(items.map((item) => [item, item.querySelector(".k").textContent.toLowerCase()]));
    const field = make("input", { type: "search", placeholder: "Search", "aria-label": "Search: prefixes", spellcheck: "false" });
    const count = make("output");
    const search = () => {
      const words = field.value.toLowerCase().split(" ").filter(Boolean);
      const hits = items.filter((item) => words.every((word) => names.get(item).includes(word)));
      const shown = new Set(hits);
      const ways = new Set();
      for (const item of hits) {
        for (let up = item.parentElement.closest("li"); up && !ways.has(up); up = up.parentElement.closest("li")) ways.add(up);
      }
      // In document order: what stands below a hit comes after it, and stays with it.
      for (const item of items) if (shown.has(item.parentElement.closest("li"))) shown.add(item);
      for (const item of items) {
        item.hidden = !shown.has(item) && !ways.has(item);
        const details = item.querySelector(":scope > details");
        if (details) details.open = words.length > 0 && ways.has(item);
      }
      for (const other of tree.querySelectorAll(".others, .more")) other.hidden = words.length > 0;
      const all = grouped.format(items.length);
      count.textContent = words.length > 0 ? `${grouped.format(hits.length)} of ${all} prefixes` : `${all} prefixes`;
    };
    field.addEventListener("input", search);
    search();
    tree.before(make("div", { class: "tools" }, field, count));
  }

  // Findings: by severity, by story, and by words in them.
  function findings() {
    const list = document.querySelector(".findings");
    const groups = list ? [...list.querySelectorAll(":scope > details")] : [];
    if (groups.length < 2) return;
    const texts = new Map();
    const all = [];
    for (const group of groups) {
      const places = [...group.querySelectorAll(".places > li")];
      for (const place of places) texts.set(place, place.textContent.toLowerCase());
      texts.set(group, group.dataset.words.toLowerCase());
      all.push([group, places]);
    }
    const total = all.reduce((sum, [, places]) => sum + places.length, 0);
    const wanted = new Set();
    const buttons = ["critical", "high", "medium", "low", "info"].filter((severity) => groups.some((group) => group.dataset.severity === severity)).map((severity) => {
      const button = make("button", { type: "button", "aria-pressed": "false", class: "sev" }, severity);
      button.addEventListener("click", () => {
        if (!wanted.delete(severity)) wanted.add(severity);
        button.setAttribute("aria-pressed", String(wanted.has(severity)));
        show();
      });
      return button;
    });
    const stories = make("select", { "aria-label": "Story" }, make("option", { value: "" }, "every story"));
    for (const story of [...new Set(groups.map((group) => group.dataset.story))].filter(Boolean).sort(compare)) {
      const option = make("option");
      option.value = story;
      option.textContent = story;
      stories.append(option);
    }
    const field = make("input", { type: "search", placeholder: "Search", "aria-label": "Search: findings", spellcheck: "false" });
    const count = make("output");
    const opened = new Set();
    function show() {
      const words = field.value.toLowerCase().split(" ").filter(Boolean);
      let found = 0;
      for (const [group, places] of all) {
        const right = (!wanted.size || wanted.has(group.dataset.severity)) && (!stories.value || stories.value === group.dataset.story);
        let some = 0;
        for (const place of places) {
          place.hidden = !words.every((word) => texts.get(group).includes(word) || texts.get(place).includes(word));
          if (!place.hidden) some += 1;
        }
        group.hidden = !right || some === 0;
        if (!group.hidden) found += some;
        // What a search finds is shown; when it ends, what it opened is closed.
        if (words.length && !group.hidden && !group.open) { group.open = true; opened.add(group); }
        if (!words.length && opened.delete(group)) group.open = false;
      }
      count.textContent = found === total ? `${grouped.format(total)} places listed` : `${grouped.format(found)} of ${grouped.format(total)} places`;
    }
    stories.addEventListener("change", show);
    field.addEventListener("input", show);
    show();
    list.before(make("div", { class: "tools" }, make("div", { class: "sevs", role: "group", "aria-label": "Severity" }, ...buttons), stories, field, count));
  }

  // The squarified treemap, as the page was drawn before the script.
  function squarify(weights, width, height) {
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const areas = weights.map((weight) => weight * width * height / total);
    const worst = (from, to, side) => {
      let sum = 0;
      for (let at = from; at < to; at += 1) sum += areas[at];
      return Math.max(side * side * areas[from] / (sum * sum), sum * sum / (side * side * areas[to - 1]));
    };
    const placed = [];
    let [x, y, w, h] = [0, 0, width, height];
    for (let from = 0; from < areas.length;) {
      const side = Math.min(w, h);
      let to = from + 1;
      while (to < areas.length && worst(from, to + 1, side) <= worst(from, to, side)) to += 1;
      let sum = 0;
      for (let at = from; at < to; at += 1) sum += areas[at];
      const thick = side > 0 ? sum / side : 0;
      let along = 0;
      for (let at = from; at < to; at += 1) {
        const long = thick > 0 ? areas[at] / thick : 0;
        placed.push(w >= h ? [x, y + along, thick, long] : [x + along, y, long, thick]);
        along += long;
      }
      if (w >= h) { x += thick; w = Math.max(w - thick, 0); } else { y += thick; h = Math.max(h - thick, 0); }
      from = to;
    }
    return placed;
  }

  const MOST_TILES = 60;
  const COLUMN = 7.4;
  function fitted(text, wide) {
    const most = Math.max(Math.floor((wide - 12) / COLUMN), 1);
    const letters = [...text];
    return letters.length <= most ? text : `${letters.slice(0, most - 1).join("")}…`;
  }
  // Below a prefix, what its tiles have in common with it says nothing.
  function shortened(name, parent, wide) {
    const whole = fitted(name, wide);
    if (whole === name || !parent || !name.startsWith(parent) || name === parent) return whole;
    return fitted(`…${name.slice(parent.length)}`, wide);
  }

  function treemap() {
    const place = document.getElementById("treemap");
    if (!place) return;
    const roots = JSON.parse(document.getElementById("prefix-data").textContent);
    const by = place.dataset.by;
    const whole = Number(place.dataset.whole);
    const top = { name: "all keys", weight: whole, keys: Number(place.dataset.keys), children: roots };
    let path = [top];
    const crumbs = make("ol", { class: "crumbs", "aria-label": "Where the map is" });
    const about = make("p", { class: "about" });
    const svg = draw("svg", { class: "map", role: "group", "aria-label": "Prefixes by size. Enter opens one, Backspace goes up, arrows walk." });
    place.replaceChildren(crumbs, svg, about);

    function tilesOf(node) {
      const tiles = (node.children || []).filter((child) => child.weight > 0).slice(0, MOST_TILES);
      const rest = node.weight - tiles.reduce((sum, tile) => sum + tile.weight, 0);
      if (rest > node.weight / 1000) {
        const others = Math.max(node.keys - tiles.reduce((sum, tile) => sum + tile.keys, 0), 0);
        tiles.push({ name: "other keys", weight: rest, keys: others, rest: true });
      }
      return tiles.sort((a, b) => b.weight - a.weight);
    }
    const opens = (node) => !node.rest && (node.children || []).length > 0;
    function facts(node) {
      const estimate = (number, error, form) => (error ? `${form(number)} ±${form(error)}` : form(number));
      const found = [`${estimate(node.weight, node.weight_error, size)} of ${by}, ${share(node.weight, whole)} of all`];
      found.push(node.keys_error ? `${estimate(node.keys, node.keys_error, grouped.format)} keys` : keys(node.keys));
      if (node.persistent !== undefined) found.push(`${share(node.persistent, 1000)} without TTL`);
      if (node.ttl !== undefined) found.push(`average TTL ${span(node.ttl)}`);
      if (node.idle !== undefined) found.push(`idle for ${span(node.idle)} on average`);
      return found;
    }
    function tell(node) {
      const name = make("bdi", { class: "k" });
      name.textContent = node.name;
      about.replaceChildren(name, ...facts(node).map((fact) => make("span", {}, fact)));
      if (node.example && node.example !== node.name) about.append(make("span", {}, "such as ", make("bdi", {}, node.example)));
    }
    function go(to, focus) {
      path = to;
      show();
      if (focus) (svg.querySelector(`[data-name="${CSS.escape(focus)}"]`) || svg.querySelector("g"))?.focus();
    }
    const up = () => { if (path.length > 1) go(path.slice(0, -1), path.at(-1).name); };

    function tile(node, [x, y, w, h]) {
      const kind = node.rest ? "rest" : `t${Math.min(Math.floor(node.persistent / 200), 4)}`;
      const [wide, high] = [Math.max(w - 2, .5), Math.max(h - 2, .5)];
      const parent = path.length > 1 ? path.at(-1).name : "";
      const group = draw("g", {
        tabindex: "0", role: opens(node) ? "button" : "img", "data-name": node.name,
        "aria-label": `${node.name}: ${facts(node).join(", ")}${opens(node) ? "; opens" : ""}`,
      }, draw("rect", { class: kind, x: x + 1, y: y + 1, width: wide, height: high, rx: 3 }));
      const line = (text, at, style) => group.append(draw("text", { x: x + 8, y: y + at, ...style }, text));
      if (wide > 44 && high > 22) line(shortened(node.name, parent, wide), 18, {});
      const [bytes, part] = [size(node.weight), share(node.weight, whole)];
      const second = [`${bytes} · ${part}`, bytes, part].find((text) => fitted(text, wide) === text);
      if (second && wide > 44 && high > 40) line(second, 34, { class: "s" });
      const open = () => { if (opens(node)) go([...path, node], tilesOf(node)[0]?.name); };
      group.addEventListener("click", open);
      group.addEventListener("focus", () => tell(node));
      group.addEventListener("pointerenter", () => tell(node));
      group.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") { event.preventDefault(); open(); }
      });
      return group;
    }
    function show() {
      const node = path.at(-1);
      const width = Math.max(place.clientWidth, 200);
      const height = width < 600 ? Math.round(width * .95) : Math.round(width * .42);
      svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
      const tiles = tilesOf(node);
      const places = squarify(tiles.map((each) => each.weight), width, height);
      svg.replaceChildren(...tiles.map((each, at) => tile(each, places[at])));
      crumbs.replaceChildren(...path.map((step, at) => {
        const button = make("button", { type: "button" });
        button.textContent = step.name;
        if (at === path.length - 1) button.setAttribute("aria-current", "location");
        button.addEventListener("click", () => { if (at < path.length - 1) go(path.slice(0, at + 1), path[at + 1].name); });
        return make("li", {}, button);
      }));
      tell(node);
    }
    svg.addEventListener("keydown", (event) => {
      const tile = event.target.closest("g");
      const step = { ArrowRight: "nextElementSibling", ArrowDown: "nextElementSibling", ArrowLeft: "previousElementSibling", ArrowUp: "previousElementSibling" }[event.key];
      if (step && tile) { event.preventDefault(); tile[step]?.focus(); }
    });
    place.addEventListener("keydown", (event) => {
      if (event.key === "Backspace" || event.key === "Escape") { event.preventDefault(); up(); }
    });
    new ResizeObserver(() => {
      if (Math.max(place.clientWidth, 200) !== svg.viewBox.baseVal.width) show();
    }).observe(place);
    show();
  }

  // On paper everything is open.
  function printing() {
    const closed = [];
    addEventListener("beforeprint", () => {
      for (const details of document.querySelectorAll("details:not([open])")) { details.open = true; closed.push(details); }
    });
    addEventListener("afterprint", () => { for (const details of closed.splice(0)) details.open = false; });
  }

  theme();
  copying();
  tables();
  prefixes();
  findings();
  treemap();
  printing();
})();
