package dashboard

import (
	"net/http"

	"sitwell/internal/registry"
	"sitwell/schemas"
)

// orgs lists the organisations that the asker may see.
func (d *Dashboard) orgs(w http.ResponseWriter, r *call) error {
	list := []registry.Org{}
	for _, o := range d.Registry.Orgs() {
		if _, err := r.asker.Org(o.ID); err == nil {
			list = append(list, o)
		}
	}
	writeJSON(w, http.StatusOK, map[string]any{"orgs": list})
	return nil
}

// org is one organisation with its teams.
func (d *Dashboard) org(w http.ResponseWriter, r *call) error {
	type team struct {
		ID   schemas.ID `json:"id"`
		Name string     `json:"name"`
	}
	teams := []team{}
	for _, t := range d.Registry.Teams(r.scope.Org()) {
		teams = append(teams, team{t.ID, t.Name})
	}
	writeJSON(w, http.StatusOK, struct {
		registry.Org
		Teams []team `json:"teams"`
	}{r.org, teams})
	return nil
}

// wearers lists the wearers of an organisation whom the asker may see.
func (d *Dashboard) wearers(w http.ResponseWriter, r *call) error {
	names := d.teamNames(r)
	list := []wearerView{}
	for _, o := range d.Registry.Wearers(r.scope.Org()) {
		if _, err := r.scope.Wearer(o.ID); err == nil {
			list = append(list, viewOf(o, names, r.org.Zone))
		}
	}
	writeJSON(w, http.StatusOK, map[string]any{"wearers": list})
	return nil
}

// wearerView is a wearer as the API shows one.
type wearerView struct {
	ID       schemas.ID `json:"id"`
	Name     string     `json:"name"`
	Team     schemas.ID `json:"team,omitzero"`
	TeamName string     `json:"team_name,omitempty"`
	Zone     string     `json:"zone"` // the wearer's own, or the organisation's
}

func viewOf(o registry.Wearer, teams map[schemas.ID]string, zone string) wearerView {
	if o.Zone != "" {
		zone = o.Zone
	}
	return wearerView{ID: o.ID, Name: o.Name, Team: o.Team, TeamName: teams[o.Team], Zone: zone}
}

func (d *Dashboard) teamNames(r *call) map[schemas.ID]string {
	names := map[schemas.ID]string{}
	for _, t := range d.Registry.Teams(r.scope.Org()) {
		names[t.ID] = t.Name
	}
	return names
}
