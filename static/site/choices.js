// Fields that belong to one choice of another field: those of other choices are hidden, and not sent. Without this
// file all of them are shown, and the server refuses what was filled in for another choice.
//
// <div data-choice="name of the other field" data-chosen="its value">…</div> around what belongs to a choice.
"use strict";

for (const form of document.querySelectorAll("form:has([data-choice])")) {
    const parts = form.querySelectorAll("[data-choice]");

    // A page that was sent without this file may complain of a field that would be hidden.
    const show = ({ complaints }) => {
        for (const part of parts) {
            const isChosen = form.elements[part.dataset.choice].value === part.dataset.chosen;
            part.hidden = !isChosen && !(complaints && part.querySelector(".errors"));
            for (const field of part.querySelectorAll("input, select, textarea")) {
                field.disabled = part.hidden;
            }
        }
    };
    show({ complaints: true });

    const choosing = new Set([...parts].map((part) => part.dataset.choice));
    form.addEventListener("change", (event) => {
        if (choosing.has(event.target.name)) {
            show({ complaints: false });
        }
    });
    window.addEventListener("pageshow", () => show({ complaints: true })); // a browser fills in what it remembers
}
