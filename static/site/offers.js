// A form whose fields depend on others. Without this file a button asks the server for them; with it, a change does.
//
// <form data-offers="names of the fields that others depend on">, <div id="…" data-offered> around what depends,
// <div data-offer-button> around each button (do=offer), which is not needed then.
"use strict";

// Returns the fresh part with what was filled in meanwhile in the fields that both parts have.
function filled(fresh, stale) {
    const isTick = (field) => field.type === "checkbox";
    const key = (field) => JSON.stringify([field.name, isTick(field) ? field.value : ""]);
    const fields = "input[name], select[name], textarea[name]";
    const before = new Map([...stale.querySelectorAll(fields)].map((field) => [key(field), field]));
    for (const field of fresh.querySelectorAll(fields)) {
        const old = before.get(key(field));
        if (old && isTick(field)) {
            field.checked = old.checked;
        } else if (old) {
            field.value = old.value;
        }
    }
    return fresh;
}

for (const form of document.querySelectorAll("form[data-offers]")) {
    const deciding = new Set(form.dataset.offers.split(" "));
    let asked = 0;

    const show = (wanted) => {
        for (const button of form.querySelectorAll("[data-offer-button]")) {
            button.hidden = !wanted;
        }
    };
    show(false);

    form.addEventListener("change", async (event) => {
        if (!deciding.has(event.target.name)) {
            return;
        }
        const number = ++asked;
        const said = new FormData(form);
        said.set("do", "offer");
        let page = "";
        try {
            const answer = await fetch(form.action, { method: "POST", body: said });
            if (!answer.ok) {
                throw new Error(answer.statusText);
            }
            page = await answer.text();
        } catch {
            show(true); // the buttons say what is wrong
            return;
        }
        if (number !== asked) {
            return; // something was changed meanwhile, and asked for again
        }
        const fresh = new DOMParser().parseFromString(page, "text/html");
        for (const part of form.querySelectorAll("[data-offered]")) {
            const other = fresh.getElementById(part.id);
            if (other) {
                part.replaceWith(filled(document.importNode(other, true), part));
            }
        }
    });
}
